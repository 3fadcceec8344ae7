#include "tools/common/subcommands.h"

#include <algorithm>
#include <ostream>

#include <glow/error.h>

namespace glow::tools {
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
