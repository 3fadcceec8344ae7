#pragma once

#include "tools/common/command_line.h"

namespace glow::tools {

// The subcommands of glow-edit; each has its own source file.

Subcommand encode_command();
Subcommand decode_command();
Subcommand reconstruct_command();
Subcommand interpolate_command();
Subcommand directions_command();
Subcommand apply_command();
Subcommand vary_command();

}  // namespace glow::tools
