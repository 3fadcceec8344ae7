#include "tools/common/subcommands.h"

#include <algorithm>
#include <iostream>

#include <glow/error.h>

namespace glow::tools {
namespace {

void print_help(const ToolText& tool, const std::vector<Subcommand>& subcommands) {
  std::size_t longest = 0;
  for (const auto& each : subcommands) longest = std::max(longest, each.name.size());
  std::cout << tool.purpose << "\nUsage:\n  " << tool.name << " SUBCOMMAND [--FLAG VALUE]...\n\nSubcommands\n";
  for (const auto& each : subcommands) {
    std::cout << "  " << each.name << std::string(longest - each.name.size() + 2, ' ') << each.purpose << "\n";
  }
  std::cout << "\n" << tool.name << " SUBCOMMAND --help explains its flags.\n\n" << tool.closing;
}

std::string names_of(const std::vector<Subcommand>& subcommands) {
  std::string names;
  for (const auto& each : subcommands) names += (names.empty() ? "" : ", ") + each.name;
  return names;
}

}  // namespace

int run_subcommand(const ToolText& tool, const std::vector<Subcommand>& subcommands, int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  if (wanted == "--help") {
    print_help(tool, subcommands);
    return kSuccess;
  }
  if (wanted == "--version") {
    parse_command_line(tool, Flags({}), 2, argv);
    return kSuccess;
  }
  for (const auto& each : subcommands) {
    if (each.name == wanted) return each.run(argc - 1, argv + 1);
  }
  const auto names = names_of(subcommands);
  if (wanted.empty()) throw ConfigError("expected a subcommand: " + names);
  throw ConfigError("unknown subcommand '" + wanted + "', expected one of " + names);
}

}  // namespace glow::tools
