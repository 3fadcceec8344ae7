#pragma once

#include <filesystem>
#include <string>

namespace glow::tools {

/// Describes a model file in lines "label   value". Throws IoError, and FormatError when the file is damaged.
std::string describe_model(const std::filesystem::path& path);

}  // namespace glow::tools
