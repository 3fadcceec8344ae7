#include "tools/common/flags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <glow/error.h>
#include <glow/images/source.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

ConfigError unexpected(const std::string& expected, const std::string& text) {
  return ConfigError("expected " + expected + ", got '" + text + "'");
}

/// The text as a number; nullopt when it is not a number or out of the type's range.
template <class Number>
std::optional<Number> number_in(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

template <class Number>
void parse_number(const std::string& text, const std::string& expected, Number& value) {
  const auto number = number_in<Number>(text);
  if (!number) throw unexpected(expected, text);
  value = *number;
}

/// "0.7" for "0,7"; nullopt for a text that is not a number with a decimal comma.
std::optional<std::string> with_decimal_point(std::string text) {
  const auto comma = text.find(',');
  if (comma == std::string::npos || text.find_first_not_of("-0123456789,") != std::string::npos) return std::nullopt;
  text[comma] = '.';
  return number_in<double>(text) ? std::optional(text) : std::nullopt;
}

/// The texts between commas; "\\," is a comma in a text and "\\\\" a backslash.
std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ',' || text[i + 1] == '\\');
    if (is_escape) {
      items.back() += text[++i];
    } else if (text[i] == ',') {
      items.emplace_back();
    } else {
      items.back() += text[i];
    }
  }
  return items;
}

template <class Item>
std::vector<Item> parse_list(const std::string& text) {
  std::vector<Item> items;
  for (const auto& item : split_list(text)) parse_value(item, items.emplace_back());
  return items;
}

template <class Item, class ToText>
std::string joined_items(const std::vector<Item>& items, ToText&& to_text) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ",";
    text += to_text(item);
  }
  return text;
}

}  // namespace

void parse_value(const std::string& text, int& value) { parse_number(text, "a whole number below 2^31", value); }

void parse_value(const std::string& text, std::int64_t& value) { parse_number(text, "a whole number", value); }

void parse_value(const std::string& text, std::uint64_t& value) {
  parse_number(text, "a whole number from 0 to 2^64 - 1", value);
}

void parse_value(const std::string& text, double& value) {
  const auto number = number_in<double>(text);
  if (const auto meant = with_decimal_point(text)) throw unexpected("a number, with a point as in " + *meant, text);
  if (!number || !std::isfinite(*number)) throw unexpected("a number", text);
  value = *number;
}

void parse_value(const std::string& text, bool& value) {
  if (text != "true" && text != "false") throw unexpected("true or false", text);
  value = text == "true";
}

void parse_value(const std::string& text, std::string& value) { value = text; }

void parse_value(const std::string& text, ImageSize& value) {
  if (text.empty()) {
    value = {};
    return;
  }
  // No larger images exist, and products of these sizes do not overflow.
  constexpr std::int64_t kLargest = 1 << 20;
  const auto cross = text.find('x');
  const auto height = number_in<std::int64_t>(text.substr(0, cross));
  const auto width = cross == std::string::npos ? height : number_in<std::int64_t>(text.substr(cross + 1));
  if (!height || !width || *height < 1 || *width < 1 || *height > kLargest || *width > kLargest) {
    throw unexpected("a size like 32 or 28x32 (height x width) in pixels", text);
  }
  value = {*height, *width};
}

void parse_value(const std::string& text, std::vector<double>& value) { value = parse_list<double>(text); }

void parse_value(const std::string& text, nn::Temperature& value) { value = parse_list<double>(text); }

void parse_value(const std::string& text, std::vector<std::int64_t>& value) {
  value = text.empty() ? std::vector<std::int64_t>() : parse_list<std::int64_t>(text);
}

void parse_value(const std::string& text, std::vector<std::string>& value) {
  value = text.empty() ? std::vector<std::string>() : split_list(text);
}

Json to_json(const std::string& value) { return value; }

Json to_json(const ImageSize& value) {
  if (value == ImageSize{}) return "";
  return std::to_string(value.height) + "x" + std::to_string(value.width);
}

Json to_json(const std::vector<double>& value) {
  return joined_items(value, [](double number) { return brief(number); });
}

Json to_json(const nn::Temperature& value) { return to_json(value.values()); }

Json to_json(const std::vector<std::int64_t>& value) {
  return joined_items(value, [](std::int64_t number) { return std::to_string(number); });
}

Json to_json(const std::vector<std::string>& value) { return joined_items(value, list_item); }

std::string list_item(const std::string& text) {
  std::string item;
  for (const char character : text) {
    if (character == ',' || character == '\\') item += '\\';
    item += character;
  }
  return item;
}

std::string to_text(const Json& scalar) {
  if (scalar.is_number_float()) return brief(scalar.get<double>());
  return scalar.is_string() ? scalar.get<std::string>() : scalar.dump();
}

namespace {

std::string flag_name(const FlagText& text) {
  if (!text.flag.empty()) return text.flag;
  std::string name = text.field;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// The letters of flags; a tool has those of its own flags.
constexpr std::array<std::pair<std::string_view, char>, 6> kShortNames{
    {{"model", 'm'}, {"out", 'o'}, {"count", 'n'}, {"variations", 'n'}, {"threads", 'j'}, {"quiet", 'q'}}};

char short_name_of(const std::string& name) {
  for (const auto& [known, letter] : kShortNames) {
    if (known == name) return letter;
  }
  return 0;
}

/// The number for one of the words of FlagText, or the text itself.
std::string without_word(const Flag& flag, const std::string& text) {
  std::vector<std::string> words;
  std::string expected = flag.is_decimal ? "a number" : "a whole number";
  for (const auto& [word, number] : flag.text.words) {
    if (text == word) return number;
    words.push_back(word);
    expected += (words.size() == flag.text.words.size() ? " or " : ", ") + word;
  }
  const bool is_word = !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) != 0;
  if (!words.empty() && is_word) throw ConfigError(unexpected(expected, text).what() + did_you_mean(text, words));
  return text;
}

/// Runs `set`. A ConfigError that it throws gets the flag's name as its field.
template <class Set>
void naming(const Flag& flag, Set&& set) {
  try {
    set();
  } catch (const ConfigError& error) {
    throw flag.error(error.text());
  }
}

}  // namespace

NumberWords number_word(const std::string& word, int number) { return {{word, std::to_string(number)}}; }

std::vector<OldName> old_name(const std::string& name, const std::string& value) { return {{name, value}}; }

std::string Flag::shown() const {
  const auto value = to_text(get());
  for (const auto& [word, number] : text.words) {
    if (value == number) return word;
  }
  return value;
}

bool Flag::takes_path() const {
  const auto& value = text.value;
  return value.starts_with("FILE") || value.starts_with("PATH") || value == "OUT" || value == "DIR" ||
         value == "MODEL" || value == "SOURCE" || value == "IMAGES";
}

std::vector<FlagText> operator+(std::vector<FlagText> first, const std::vector<FlagText>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

const GivenFlag* find(const GivenFlags& given, const std::string& name) {
  const auto found = std::find_if(given.begin(), given.end(), [&](const GivenFlag& each) { return each.name == name; });
  return found == given.end() ? nullptr : &*found;
}

void refuse(const GivenFlags& given, const std::vector<std::string>& names, const std::string& reason) {
  for (const auto& name : names) {
    if (find(given, name) != nullptr) throw ConfigError("--" + name, reason);
  }
}

Flags::Flags(const std::vector<FlagText>& table) {
  for (const auto& text : table) {
    auto& flag = flags_.emplace_back();
    flag.text = text;
    flag.name = flag_name(text);
    flag.short_name = short_name_of(flag.name);
    flag.choices = text.choices;
    for (const auto& word : text.words) flag.choices.push_back(word.first);
  }
}

const Flag* Flags::find(const std::string& name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

const Flag* Flags::find(char short_name) const {
  const auto found =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.short_name == short_name; });
  return found == flags_.end() || short_name == 0 ? nullptr : &*found;
}

const Flag& Flags::at(const std::string& name) const {
  const auto* flag = find(name);
  if (flag == nullptr || !flag->set) throw std::logic_error("the flag --" + name + " is tied to no field");
  return *flag;
}

const Flag* Flags::by_field(std::string_view field) const {
  const auto found =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.text.field == field; });
  return found == flags_.end() ? nullptr : &*found;
}

void Flags::set(const GivenFlags& given) const {
  for (const auto& each : given) {
    const auto& flag = at(each.name);
    naming(flag, [&] { flag.set(without_word(flag, each.value)); });
  }
}

void Flags::set_agreeing(const GivenFlags& given, const std::string& source) const {
  for (const auto& each : given) {
    const auto& flag = at(each.name);
    const auto before = flag.get();
    set({each});
    if (flag.text.kept != Kept::kFixed || flag.get() == before) continue;
    const auto value = flag.is_switch() ? "" : " " + each.value;
    throw ConfigError("--" + each.name + value + " contradicts " + source + ", where " + flag.text.field + " is " +
                      before.dump());
  }
}

Json Flags::kept() const {
  Json kept = Json::object();
  for (const auto& flag : flags_) {
    if (flag.text.kept != Kept::kNo) kept[flag.text.field] = flag.get();
  }
  return kept;
}

void Flags::restore(const Json& kept) const {
  for (const auto& item : kept.items()) {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
      return flag.text.kept != Kept::kNo && flag.text.field == item.key();
    });
    if (found == flags_.end()) throw ConfigError("unknown option '" + item.key() + "'");
    naming(*found, [&] { found->restore(item.value()); });
  }
}

std::vector<std::string> notes_on_decimal_commas(const Flags& flags, const GivenFlags& given) {
  std::vector<std::string> notes;
  for (const auto& [name, value, several] : given) {
    const auto& flag = flags.at(name);
    const auto meant = with_decimal_point(value);
    // A list like "-1,1" is more likely than a single negative number.
    if (!flag.is_list_of_decimals || !meant || several || value.starts_with("-")) continue;
    notes.push_back("note: --" + name + " " + value + " was taken as two numbers" +
                    (flag.is_per_level ? ", one per level" : "") + "; a decimal is written with a point, " + *meant);
  }
  return notes;
}

FlagText model_row(const std::string& group) { return {"model", group, "FILE", "the model file"}; }

FlagText source_row(const std::string& field, const std::string& group, const std::string& what) {
  const auto start = what + (what.empty() ? "" : ": ");
  return {.field = field,
          .group = group,
          .value = "SOURCE",
          .help = start + images::describe_source_kinds(),
          .kept = Kept::kChangeable,
          .short_help = start + "folder:PATH, npy:PATH, cifar10:PATH, fashion-mnist, ...; --help-all lists all kinds"};
}

FlagText seed_row(const std::string& group, const std::string& what) {
  return {"seed", group, "S", "seed of " + what, Kept::kFixed};
}

FlagText overwrite_row(const std::string& group, const std::string& existing) {
  return {.field = "overwrite",
          .group = group,
          .value = "",
          .help = "replace existing output: " + existing,
          .short_help = "replace existing output"};
}

FlagText batch_row(const std::string& otherwise) {
  return {"batch", "Computing", "N",
          "images computed at once" + (otherwise.empty() ? "" : "; not given: " + otherwise)};
}

FlagText data_threads_row() {
  return {"data_threads",
          "Computing",
          "N|auto",
          "threads that read, decode and scale images; auto: as many as --threads. The images do not depend on it",
          Kept::kChangeable,
          "",
          number_word("auto", 0)};
}

std::vector<FlagText> compute_rows(Launchable launchable) {
  std::vector<FlagText> rows{
      {.field = "device",
       .group = "Computing",
       .value = "NAME",
       .help = "auto, cpu, cuda or cuda:N",
       .kept = Kept::kChangeable,
       .choices = {"auto", "cpu", "cuda"}},
      {"precision", "Computing", "KIND", "fp32, fp64, or fp32 with the coupling networks in bf16 or (CUDA only) tf32",
       Kept::kFixed, "", NumberWords(), old_name("float64", "fp64")},
      {"threads",
       "Computing",
       "N|auto",
       "CPU threads; auto: one per core that the process may use (CPU affinity, a container's CPU quota), divided "
       "among the processes on a host, and at most OMP_NUM_THREADS, if that is set",
       Kept::kChangeable,
       "",
       number_word("auto", 0),
       {},
       "CPU threads; auto: one per core that the process may use"},
  };
  if (launchable == Launchable::kYes) {
    rows.push_back({"start_timeout", "Computing", "SECONDS",
                    "how long to wait at the start for the other processes that torchrun, mpirun or SLURM started"});
    rows.push_back({"process_timeout", "Computing", "SECONDS",
                    "how long a collective waits for the other processes after the start"});
  }
  return rows;
}

}  // namespace glow::tools
