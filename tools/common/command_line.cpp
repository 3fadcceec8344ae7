#include "tools/common/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cxxopts.hpp>
#include <filesystem>
#include <map>
#include <ostream>
#include <string_view>

#include <torch/version.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/nearest_name.h>
#include <glow/version.h>

#include "tools/common/files.h"
#include "tools/common/presets.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// "--out" for "out"
std::string dashed(const std::string& name) { return "--" + name; }

bool is_long_flag(const std::string& word) { return word.size() > 2 && word.starts_with("--"); }

/// "-o" or "-oVALUE", but not a negative number or "-".
bool is_short_flag(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && std::isalpha(static_cast<unsigned char>(word[1])) != 0;
}

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("+-.,0123456789eE") == std::string::npos;
}

/// Names that other programs give to flags, and those that the flags of these tools may have.
struct ForeignName {
  std::string_view name;
  std::array<const char*, 2> here;
};
constexpr std::array<ForeignName, 16> kForeignNames{{{"batch-size", {"batch"}},
                                                     {"device-id", {"device"}},
                                                     {"gpu", {"device"}},
                                                     {"images", {"data"}},
                                                     {"input", {"images", "data"}},
                                                     {"iterations", {"steps"}},
                                                     {"learning-rate", {"lr"}},
                                                     {"num", {"count"}},
                                                     {"num-images", {"count"}},
                                                     {"num-samples", {"count"}},
                                                     {"num-workers", {"data-threads"}},
                                                     {"o", {"scores"}},
                                                     {"out", {"scores"}},
                                                     {"output", {"out", "scores"}},
                                                     {"output-dir", {"out"}},
                                                     {"workers", {"data-threads"}}}};

/// The flag for the name that another program gives to it; empty if there is none.
std::string here_for(const std::string& name, const Flags& flags) {
  for (const auto& foreign : kForeignNames) {
    for (const auto* here : foreign.here) {
      if (name == foreign.name && here != nullptr && flags.find(here)) return here;
    }
  }
  return "";
}

/// A flag that every tool has and that takes no value.
struct OwnSwitch {
  const char* name;
  const char* letter;
  const char* help;
};
constexpr std::array<OwnSwitch, 4> kOwnSwitches{{{"version", "V", "print the versions of Glow and LibTorch"},
                                                 {"help", "h", "print the common flags"},
                                                 {"help-all", "", "print all flags"},
                                                 {"help-json", "", "print all flags as JSON, for other programs"}}};

/// The flag that was probably meant by `name`; empty if none is similar.
std::string likely_flag(const std::string& name, const Flags& flags) {
  if (const auto here = here_for(name, flags); !here.empty()) return here;
  std::vector<std::string> names;
  for (const auto& own : kOwnSwitches) names.emplace_back(own.name);
  for (const auto& flag : flags.all()) names.push_back(flag.name);
  return nearest_name(name, names).value_or("");
}

std::string suggestion(const std::string& flag) { return " (did you mean --" + flag + "?)"; }

/// " (did you mean --out?)", or where the names of the flags are.
std::string advice_on(const std::string& name, const Flags& flags) {
  const auto likely = likely_flag(name, flags);
  return likely.empty() ? " (--help-all lists them all)" : suggestion(likely);
}

/// How a tool computes on several GPUs, if it does.
std::string advice_on_several_devices(const ToolText& tool, const Flags& flags) {
  const std::string one = "one process uses one device";
  const bool is_launchable = flags.find("process-timeout") != nullptr;
  if (!is_launchable) return one + "; --device cuda:N chooses it";
  return one +
         "; for several GPUs start a process for each, without --device: torchrun --no_python --nproc_per_node 2 " +
         tool.name + " ..., or mpirun -n 2 " + tool.name + " ... (docs/distributed.md#start)";
}

/// Reads a command line word by word.
class CommandLine {
 public:
  CommandLine(const ToolText& tool, const Flags& flags, Arguments words, std::ostream& notes)
      : tool_(tool), flags_(flags), words_(words), notes_(notes) {}

  GivenFlags read() {
    while (next_ < words_.size()) {
      const auto& word = words_[next_++];
      if (word == "--") {
        loose_.insert(loose_.end(), words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
        break;
      }
      if (is_long_flag(word)) {
        read_long(word);
      } else if (is_short_flag(word)) {
        read_short(word);
      } else {
        if (next_ > 1) refuse_value_of_switch(words_[next_ - 2], word);
        loose_.push_back(word);
      }
    }
    give_positional();
    return std::move(given_);
  }

 private:
  struct Found {
    const Flag* flag = nullptr;
    /// The name as given, if it is an old one.
    const OldName* old = nullptr;
    /// Whether it takes no value, under the name as given.
    bool is_switch() const { return flag->is_switch() || (old != nullptr && !old->value.empty()); }
  };

  Found find_flag(const std::string& name) const {
    if (const auto* flag = flags_.find(name)) return {flag};
    for (const auto& flag : flags_.all()) {
      for (const auto& old : flag.text.old_names) {
        if (old.name == name) return {&flag, &old};
      }
    }
    return {};
  }

  /// "--NAME" or "--NAME=VALUE"
  void read_long(const std::string& word) {
    const auto equals = word.find('=');
    const auto name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (name.empty()) throw ConfigError("unknown flag " + word + " (a flag is --NAME VALUE or --NAME=VALUE)");
    const auto found = find_flag(name);
    const auto [flag, old] = found;
    if (flag == nullptr) refuse_long(name);
    note_name(*flag, old);
    const auto value = equals == std::string::npos ? std::nullopt : std::optional(word.substr(equals + 1));
    if (found.is_switch()) {
      if (value && value != "true" && value != "false") throw ConfigError(word + ": expected true or false");
      if (flag->is_switch()) return add(*flag, {value.value_or("true")});
      if (value != "false") add(*flag, {old->value});
      return;
    }
    value ? add(*flag, {*value}) : read_values(*flag, dashed(name));
  }

  [[noreturn]] void refuse_long(const std::string& name) const {
    const auto problem = "unknown flag --" + name;
    if (name == "gpus" || name == "num-gpus" || name == "devices") {
      throw ConfigError(problem + ": " + advice_on_several_devices(tool_, flags_));
    }
    throw ConfigError(problem + advice_on(name, flags_));
  }

  /// The long flag that was probably meant by a word with one dash, "out" for "-out" or "-output=a"; empty if it is a
  /// letter with its value, as in "-oa".
  std::string meant_long(const std::string& word) const {
    const auto equals = word.find('=');
    const auto name = word.substr(1, equals == std::string::npos ? equals : equals - 1);
    if (name.size() == 1) return "";
    if (const auto* flag = find_flag(name).flag) return flag->name;
    return equals == std::string::npos ? here_for(name, flags_) : likely_flag(name, flags_);
  }

  /// "-o", "-oVALUE", or several switches "-qf"
  void read_short(const std::string& word) {
    const auto* flag = flags_.find(word[1]);
    const auto problem = "unknown flag " + word.substr(0, word.find('='));
    if (const auto meant = meant_long(word); !meant.empty()) throw ConfigError(problem + suggestion(meant));
    if (flag == nullptr) {
      const auto here = here_for(word.substr(1, 1), flags_);
      throw ConfigError(problem + (here.empty() ? advice_on(word.substr(1), flags_) : suggestion(here)));
    }
    note_name(*flag, nullptr);
    const auto rest = word.substr(2);
    if (flag->is_switch()) {
      add(*flag, {"true"});
      if (!rest.empty()) read_short("-" + rest);
    } else if (!rest.empty()) {
      add(*flag, {rest.substr(rest.starts_with("=") ? 1 : 0)});
    } else {
      read_values(*flag, word);
    }
  }

  bool is_flag(const std::string& word) const {
    return is_long_flag(word) || word == "--" || (is_short_flag(word) && flags_.find(word[1]) != nullptr);
  }

  /// Reads the words after `name`, the flag as given.
  void read_values(const Flag& flag, const std::string& name) {
    if (next_ == words_.size()) throw ConfigError(name + ": expected a value, got none");
    if (is_flag(words_[next_])) throw ConfigError(name + ": expected a value, got the flag " + words_[next_]);
    std::vector<std::string> values{words_[next_++]};
    const auto takes_next = [&](const std::string& word) {
      return !is_flag(word) && (flag.takes == Takes::kTexts || (flag.takes == Takes::kNumbers && is_number(word)));
    };
    while (next_ < words_.size() && takes_next(words_[next_])) values.push_back(words_[next_++]);
    add(flag, values);
  }

  /// `before`: the word before `word`.
  void refuse_value_of_switch(const std::string& before, const std::string& word) const {
    Found found;
    if (is_long_flag(before)) found = find_flag(before.substr(2));
    if (is_short_flag(before) && before.size() == 2) found.flag = flags_.find(before[1]);
    if (found.flag == nullptr || !found.is_switch()) return;
    const auto problem = before + ": takes no value, got '" + word + "'";
    const auto name = is_long_flag(before) ? before : dashed(found.flag->name);
    if (word == "true" || word == "false") throw ConfigError(problem + " (did you mean " + name + "=" + word + "?)");
    if (tool_.positional.empty()) throw ConfigError(problem);
  }

  /// `old`: the name as given, if it is an old one.
  void note_name(const Flag& flag, const OldName* old) {
    const auto [before, is_first] = names_.emplace(&flag, old);
    if (before->second != old) {
      const auto& other = old != nullptr ? *old : *before->second;
      throw flag.error("is given twice, also by its old name --" + other.name);
    }
    if (old == nullptr) return;
    notes_ << "note: --" << old->name << " is now --" << flag.name << (old->value.empty() ? "" : " " + old->value)
           << "\n";
  }

  /// Refuses what other programs take as a number of a device or as several devices.
  void check_device(const Flag& flag, const std::string& value) const {
    const bool is_index = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    if (is_index) throw flag.error(value + ": expected auto, cpu, cuda or cuda:N (did you mean cuda:" + value + "?)");
    if (value.find(',') != std::string::npos || value == "all") {
      throw flag.error(value + ": " + advice_on_several_devices(tool_, flags_));
    }
  }

  void add(const Flag& flag, const std::vector<std::string>& values) {
    if (flag.name == "device") check_device(flag, values.front());
    for (const auto& value : values) {
      if (value == "-" && flag.takes_path()) {
        throw flag.error("'-' is not the standard input or output here; give a path (./- for a file of this name)");
      }
    }
    if (flag.takes == Takes::kOne) {
      std::erase_if(given_, [&](const GivenFlag& each) { return each.name == flag.name; });  // the last one counts
      given_.push_back({flag.name, flag.text.value == "SOURCE" ? source(values.front()) : values.front()});
      return;
    }
    auto list = std::ranges::find(given_, flag.name, &GivenFlag::name);
    const bool is_first = list == given_.end();
    if (is_first) list = given_.insert(list, {flag.name, ""});
    list->several = !is_first || values.size() > 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
      list->value += (is_first && i == 0 ? "" : ",") + items(flag, values[i]);
    }
  }

  /// A word as a part of a list. A comma in the path of a file, or of a data set, does not separate.
  static std::string items(const Flag& flag, const std::string& word) {
    const auto path = with_home(word);
    const bool is_path = is_there(path) || is_there(images::parse_specification(path).path);
    return flag.takes == Takes::kTexts && is_path ? list_item(word) : word;
  }

  /// The specification of a data set, also for the bare path of one.
  std::string source(const std::string& text) {
    const std::string path = with_home(text);
    const auto parsed = images::parse_specification(text);
    if ((parsed.kind != nullptr && !parsed.path.empty()) || !is_there(path)) return text;
    const auto likely = images::likely_specification(path);
    std::error_code ignored;
    // That of a picture is the folder that it is in.
    const bool is_other =
        !std::filesystem::is_directory(path, ignored) && images::parse_specification(likely).path != path;
    if (likely.empty() || is_other) return text;
    notes_ << "note: reading " << text << " as " << likely << "\n";
    return likely;
  }

  void give_positional() {
    std::vector<const Flag*> left;
    for (const auto& name : tool_.positional) {
      const auto* flag = flags_.find(name);
      const auto* given = find(given_, name);
      if (flag != nullptr && given == nullptr) left.push_back(flag);
      // A list would take it as an item.
      const bool is_again = given != nullptr && std::ranges::find(loose_, given->value) != loose_.end();
      if (is_again && flag->takes == Takes::kOne) refuse_loose(given->value, name);
    }
    auto flag = left.begin();
    for (std::size_t i = 0; i < loose_.size(); ++i) {
      if (flag == left.end()) refuse_loose(loose_[i], tool_.positional.empty() ? "" : tool_.positional.back());
      if ((*flag)->takes == Takes::kTexts) {
        add(**flag, {loose_.begin() + static_cast<std::ptrdiff_t>(i), loose_.end()});
        return;
      }
      add(**flag++, {loose_[i]});
    }
  }

  /// `filled`: the positional flag that could have taken the word but has a value; empty: the tool has none.
  [[noreturn]] void refuse_loose(const std::string& word, const std::string& filled) const {
    const auto problem = "'" + word + "' belongs to no flag";
    if (!filled.empty()) throw ConfigError(problem + ": --" + filled + " is given already");
    if (flags_.find("preset") != nullptr && is_preset(word)) throw ConfigError(problem + suggestion("preset " + word));
    const bool is_source = is_there(word) || images::parse_specification(word).kind != nullptr;
    if (flags_.find("data") != nullptr && is_source) throw ConfigError(problem + suggestion("data " + word));
    throw ConfigError(problem + advice_on(word, flags_));
  }

  const ToolText& tool_;
  const Flags& flags_;
  Arguments words_;
  std::ostream& notes_;
  std::size_t next_ = 0;
  GivenFlags given_;
  /// The flags read so far, with the old name by which one was given.
  std::map<const Flag*, const OldName*> names_;
  /// The words that belong to no flag.
  std::vector<std::string> loose_;
};

constexpr const char* kOther = "Other";
constexpr std::size_t kColumns = 110;

/// "MODEL IMAGES... [--FLAG VALUE]..."
std::string usage(const ToolText& tool, const Flags& flags) {
  std::string text;
  for (const auto& name : tool.positional) {
    const auto* flag = flags.find(name);
    if (flag == nullptr) continue;
    auto upper = name;
    std::ranges::transform(upper, upper.begin(), [](unsigned char letter) { return std::toupper(letter); });
    text += upper + (flag->takes == Takes::kTexts ? "... " : " ");
  }
  return text + "[--FLAG VALUE]...";
}

std::shared_ptr<cxxopts::Value> help_value(const Flag& flag) {
  if (flag.is_switch()) return cxxopts::value<bool>();
  const auto value = cxxopts::value<std::string>();
  const auto standard = flag.shown();
  return standard.empty() ? value : value->default_value(standard);
}

enum class HelpLength { kShort, kFull };

/// The text of --help for these flags, each in its group; in the short form all in one group.
std::string help_text(const ToolText& tool, const Flags& flags, const std::vector<const Flag*>& listed,
                      HelpLength length) {
  const bool is_short = length == HelpLength::kShort;
  cxxopts::Options options(tool.name, tool.purpose);
  options.set_width(kColumns);
  options.custom_help(usage(tool, flags));
  std::vector<std::string> groups;
  for (const auto* flag : listed) {
    const auto& heading = is_short ? std::string("Common") : flag->text.group;
    const auto& explanation = is_short && !flag->text.short_help.empty() ? flag->text.short_help : flag->text.help;
    if (std::ranges::find(groups, heading) == groups.end()) groups.push_back(heading);
    const auto names = (flag->short_name == 0 ? "" : std::string{flag->short_name, ','}) + flag->name;
    options.add_option(heading, {names, explanation, help_value(*flag), flag->text.value});
  }
  groups.emplace_back(kOther);
  for (const auto& [name, letter, help] : kOwnSwitches) {
    options.add_option(kOther,
                       {*letter == 0 ? name : std::string(letter) + "," + name, help, cxxopts::value<bool>(), ""});
  }
  return options.help(groups) + "\n";
}

std::string short_help(const ToolText& tool, const Flags& flags) {
  std::vector<const Flag*> common;
  for (const auto& name : tool.common) common.push_back(&flags.at(name));
  const auto more = std::to_string(flags.all().size() - common.size());
  return help_text(tool, flags, common, HelpLength::kShort) + tool.closing + "\n" + tool.name + " --help-all lists " +
         more + " more flags.\n";
}

std::string full_help(const ToolText& tool, const Flags& flags) {
  std::vector<const Flag*> all;
  for (const auto& flag : flags.all()) all.push_back(&flag);
  return help_text(tool, flags, all, HelpLength::kFull) +
         (tool.full_closing.empty() ? tool.closing : tool.full_closing);
}

Json to_json(const Flag& flag) {
  return {{"name", flag.name},
          {"letter", flag.short_name == 0 ? "" : std::string{flag.short_name}},
          {"group", flag.text.group},
          {"value", flag.text.value},
          {"help", flag.text.help},
          {"default", flag.is_switch() ? "" : flag.shown()},
          {"is_list", flag.takes != Takes::kOne},
          {"is_path", flag.takes_path()},
          {"choices", flag.choices}};
}

/// The table of flags and the texts of a tool, as --help-json prints them.
Json to_json(const ToolText& tool, const Flags& flags) {
  Json list = Json::array();
  for (const auto& flag : flags.all()) list.push_back(to_json(flag));
  for (const auto& [name, letter, help] : kOwnSwitches) {
    Flag own;
    own.name = name;
    own.short_name = *letter;
    own.text.group = kOther;
    own.text.help = help;
    list.push_back(to_json(own));
  }
  return {{"name", tool.name},
          {"version", kVersion},
          {"purpose", tool.purpose},
          {"usage", usage(tool, flags)},
          {"closing", tool.full_closing.empty() ? tool.closing : tool.full_closing},
          {"positional", tool.positional},
          {"flags", list},
          {"subcommands", Json::array()}};
}

/// The text that a flag asks for instead of the tool's work; empty for other flags.
std::string asked_text(const ToolText& tool, const Flags& flags, const std::string& flag) {
  const bool is_help = flag == "--help" || flag == "-h";
  if (flag == "--help-all" || (is_help && tool.common.empty())) return full_help(tool, flags);
  if (is_help) return short_help(tool, flags);
  if (flag == "--help-json") return to_json(tool, flags).dump(1) + "\n";
  if (flag != "--version" && flag != "-V") return "";
  return tool.name + " " + kVersion + " (LibTorch " + TORCH_VERSION + ")\n";
}

}  // namespace

std::optional<GivenFlags> parse_command_line(const ToolText& tool, const Flags& flags, Arguments arguments,
                                             Console& console) {
  // Also if there is an error elsewhere: it may be the reason for asking.
  for (const auto& word : arguments) {
    if (word == "--") break;
    const auto text = asked_text(tool, flags, word);
    console.out << text;
    if (!text.empty()) return std::nullopt;
  }
  // Held back, so that an error is the only line.
  std::ostringstream notes;
  auto given = CommandLine(tool, flags, arguments, notes).read();
  console.err << notes.str() << std::flush;
  return given;
}

namespace {

void print_help(const ToolText& tool, const std::vector<Subcommand>& subcommands, std::ostream& out) {
  std::size_t longest = 0;
  for (const auto& each : subcommands) longest = std::max(longest, each.name.size());
  out << tool.purpose << "\nUsage:\n  " << tool.name << " SUBCOMMAND [--FLAG VALUE]...\n\nSubcommands\n";
  for (const auto& each : subcommands) {
    out << "  " << each.name << std::string(longest - each.name.size() + 2, ' ') << each.purpose << "\n";
  }
  out << "\n" << tool.name << " help SUBCOMMAND explains its flags.\n\n" << tool.closing;
}

/// Throws ConfigError that lists the names when there is no such subcommand.
const Subcommand& find_subcommand(const std::vector<Subcommand>& subcommands, const std::string& wanted) {
  std::vector<std::string> names;
  for (const auto& each : subcommands) {
    if (each.name == wanted) return each;
    names.push_back(each.name);
  }
  const auto list = joined(names);
  if (wanted.empty()) throw ConfigError("expected a subcommand: " + list);
  if (wanted.starts_with("-")) throw ConfigError("expected a subcommand before " + wanted + ": " + list);
  throw ConfigError("unknown subcommand '" + wanted + "', expected one of " + list + did_you_mean(wanted, names));
}

Json to_json(const ToolText& tool, const std::vector<Subcommand>& subcommands) {
  Json json = to_json(tool, Flags({}));
  json["usage"] = "SUBCOMMAND [--FLAG VALUE]...";
  for (const auto& each : subcommands) {
    std::ostringstream text;
    Console console{.out = text, .err = text};
    each.run(std::vector<std::string>{"--help-json"}, console);
    json["subcommands"].push_back(Json::parse(text.str()));
  }
  return json;
}

}  // namespace

int run_subcommand(const ToolText& tool, const std::vector<Subcommand>& subcommands, Arguments arguments,
                   Console& console) {
  const std::string wanted = arguments.empty() ? "" : arguments.front();
  const bool is_help = wanted == "help" || wanted == "--help" || wanted == "-h" || wanted == "--help-all";
  const auto name = std::ranges::find_if(arguments.subspan(is_help ? 1 : 0),
                                         [](const std::string& word) { return !word.starts_with("-"); });
  if (is_help && name != arguments.end()) {
    const bool is_all = std::ranges::find(arguments, "--help-all") != arguments.end();
    const std::vector<std::string> help{is_all ? "--help-all" : "--help"};
    return find_subcommand(subcommands, *name).run(help, console);
  }
  if (is_help) {
    print_help(tool, subcommands, console.out);
    return kSuccess;
  }
  if (wanted == "--help-json") {
    console.out << to_json(tool, subcommands).dump(1) << "\n";
    return kSuccess;
  }
  if (wanted == "--version" || wanted == "-V") {
    parse_command_line(tool, Flags({}), arguments.first(1), console);
    return kSuccess;
  }
  return find_subcommand(subcommands, wanted).run(arguments.subspan(1), console);
}

}  // namespace glow::tools
