#pragma once

#include <iostream>
#include <optional>
#include <string>

#include "tools/common/flags.h"

namespace glow::tools {

/// What --help and --version say of a tool.
struct ToolText {
  std::string name;
  /// What it is for, in a sentence.
  std::string purpose;
  /// Below the flags.
  std::string closing;
};

/// The flags of a command line in the order given, or nullopt when it asked for --help or --version, which this prints
/// to `out`. Throws ConfigError naming an unknown flag, an argument that belongs to no flag or a missing value.
std::optional<GivenFlags> parse_command_line(const ToolText& tool, const Flags& flags, int argc, char** argv,
                                             std::ostream& out = std::cout);

}  // namespace glow::tools
