#pragma once

#include <string>
#include <vector>

#include "tools/common/flags.h"

namespace glow::tools {

/// The flags that a preset of glow-train sets. Throws ConfigError that lists the names when there is no such preset.
const GivenFlags& preset_flags(const std::string& name);

std::vector<std::string> preset_names();
bool is_preset(const std::string& name);

/// One paragraph per preset for --help: its name, what it is for and, if wanted, its flags.
std::string describe_presets(bool with_flags);

}  // namespace glow::tools
