#pragma once

#include <optional>
#include <ostream>
#include <span>
#include <string>

#include "tools/common/flags.h"

namespace glow::tools {

/// The texts about a tool in --help and --version.
struct ToolText {
  std::string name;
  /// One sentence.
  std::string purpose;
  /// Below the flags.
  std::string closing;
};

/// The words of a command line after the name of the program.
using Arguments = std::span<const std::string>;

/// The flags of a command line in the order given, or nullopt after --help or --version, which this prints to `out`.
/// Throws ConfigError naming an unknown flag, an argument that belongs to no flag or a missing value.
std::optional<GivenFlags> parse_command_line(const ToolText& tool, const Flags& flags, Arguments arguments,
                                             std::ostream& out);

}  // namespace glow::tools
