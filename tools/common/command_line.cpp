#include "tools/common/command_line.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <ostream>
#include <vector>

#include <torch/version.h>

#include <glow/error.h>
#include <glow/version.h>

namespace glow::tools {
namespace {

constexpr const char* kOther = "Other";
constexpr std::size_t kColumns = 110;

std::shared_ptr<cxxopts::Value> value_of(const Flag& flag) {
  if (flag.is_switch()) return cxxopts::value<bool>();
  const auto value = cxxopts::value<std::string>();
  const auto standard = to_text(flag.get());
  return standard.empty() ? value : value->default_value(standard);
}

cxxopts::Options make_parser(const ToolText& tool, const Flags& flags) {
  cxxopts::Options parser(tool.name, tool.purpose);
  parser.set_width(kColumns);
  parser.custom_help("[--FLAG VALUE]...");
  for (const auto& flag : flags.all()) {
    parser.add_option(flag.text.group, {flag.name, flag.text.help, value_of(flag), flag.text.value});
  }
  parser.add_options(kOther)("version", "print the versions of Glow and LibTorch")("help", "print this");
  // refuse_leftovers names an unknown flag in a message of this tool.
  parser.allow_unrecognised_options();
  return parser;
}

std::vector<std::string> groups_of(const Flags& flags) {
  std::vector<std::string> groups;
  for (const auto& flag : flags.all()) {
    if (std::find(groups.begin(), groups.end(), flag.text.group) == groups.end()) groups.push_back(flag.text.group);
  }
  if (std::find(groups.begin(), groups.end(), kOther) == groups.end()) groups.push_back(kOther);
  return groups;
}

/// The switch before this argument; nullptr if another argument is before it.
const Flag* switch_before(const std::string& argument, const Flags& flags, Arguments arguments) {
  const auto place = std::find(arguments.begin(), arguments.end(), argument);
  if (place == arguments.begin() || place == arguments.end() || !(place - 1)->starts_with("--")) return nullptr;
  const auto* flag = flags.find((place - 1)->substr(2));
  return flag != nullptr && flag->is_switch() ? flag : nullptr;
}

void refuse_leftovers(const std::vector<std::string>& unmatched, const Flags& flags, Arguments arguments) {
  if (unmatched.empty()) return;
  const auto& first = unmatched.front();
  if (first.starts_with("-")) throw ConfigError("unknown flag " + first + " (--help lists them all)");
  const auto* before = switch_before(first, flags, arguments);
  if (before != nullptr) throw before->error("takes no value, got '" + first + "'");
  throw ConfigError("'" + first + "' belongs to no flag (--help lists them all)");
}

/// Whether the flag's value is the path of a file or folder.
bool takes_path(const Flag& flag) {
  const auto& value = flag.text.value;
  return value.starts_with("FILE") || value == "OUT" || value == "DIR" || value == "MODEL" || value == "SOURCE" ||
         value == "IMAGES";
}

GivenFlags given_flags(const Flags& flags, const std::vector<cxxopts::KeyValue>& arguments) {
  GivenFlags given;
  for (const auto& argument : arguments) {
    if (argument.value().starts_with("--")) {
      throw ConfigError("--" + argument.key() + ": expected a value, got the flag " + argument.value());
    }
    const auto* flag = flags.find(argument.key());
    if (argument.value() == "-" && flag != nullptr && takes_path(*flag)) {
      throw flag->error("'-' is not the standard input or output here; give a path (./- for a file of this name)");
    }
    given.push_back({argument.key(), argument.value()});
  }
  return given;
}

/// Finds the errors that cxxopts would report without the name of the flag.
void check_values(const Flags& flags, Arguments arguments) {
  for (const auto& flag : flags.all()) {
    const auto begin = "--" + flag.name + "=";
    for (const auto& argument : arguments) {
      const bool is_other = argument != begin + "true" && argument != begin + "false";
      if (flag.is_switch() && argument.starts_with(begin) && is_other) {
        throw ConfigError(argument + ": expected true or false");
      }
    }
    if (!flag.is_switch() && !arguments.empty() && arguments.back() == "--" + flag.name) {
      throw ConfigError("--" + flag.name + ": expected a value, got none");
    }
  }
}

cxxopts::ParseResult parse(cxxopts::Options& parser, const std::string& program, Arguments arguments) {
  std::vector<const char*> words{program.c_str()};
  for (const auto& argument : arguments) words.push_back(argument.c_str());
  try {
    return parser.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace

std::optional<GivenFlags> parse_command_line(const ToolText& tool, const Flags& flags, Arguments arguments,
                                             std::ostream& out) {
  check_values(flags, arguments);
  auto parser = make_parser(tool, flags);
  const auto result = parse(parser, tool.name, arguments);
  refuse_leftovers(result.unmatched(), flags, arguments);
  if (result.count("help")) {
    out << parser.help(groups_of(flags)) << "\n" << tool.closing;
    return std::nullopt;
  }
  if (result.count("version")) {
    out << tool.name << " " << kVersion << " (LibTorch " << TORCH_VERSION << ")\n";
    return std::nullopt;
  }
  return given_flags(flags, result.arguments());
}

namespace {

void print_help(const ToolText& tool, const std::vector<Subcommand>& subcommands, std::ostream& out) {
  std::size_t longest = 0;
  for (const auto& each : subcommands) longest = std::max(longest, each.name.size());
  out << tool.purpose << "\nUsage:\n  " << tool.name << " SUBCOMMAND [--FLAG VALUE]...\n\nSubcommands\n";
  for (const auto& each : subcommands) {
    out << "  " << each.name << std::string(longest - each.name.size() + 2, ' ') << each.purpose << "\n";
  }
  out << "\n" << tool.name << " SUBCOMMAND --help explains its flags.\n\n" << tool.closing;
}

std::string names_of(const std::vector<Subcommand>& subcommands) {
  std::string names;
  for (const auto& each : subcommands) names += (names.empty() ? "" : ", ") + each.name;
  return names;
}

}  // namespace

int run_subcommand(const ToolText& tool, const std::vector<Subcommand>& subcommands, Arguments arguments,
                   Console& console) {
  const std::string wanted = arguments.empty() ? "" : arguments.front();
  if (wanted == "--help") {
    print_help(tool, subcommands, console.out);
    return kSuccess;
  }
  if (wanted == "--version") {
    parse_command_line(tool, Flags({}), arguments.first(1), console.out);
    return kSuccess;
  }
  for (const auto& each : subcommands) {
    if (each.name == wanted) return each.run(arguments.subspan(1), console);
  }
  const auto names = names_of(subcommands);
  if (wanted.empty()) throw ConfigError("expected a subcommand: " + names);
  throw ConfigError("unknown subcommand '" + wanted + "', expected one of " + names);
}

}  // namespace glow::tools
