#pragma once

#include <filesystem>
#include <string>

namespace glow::tools {

/// What a model file holds, in lines "label   value". Throws IoError, and FormatError when the file is damaged.
std::string describe_model(const std::filesystem::path& path);

}  // namespace glow::tools
