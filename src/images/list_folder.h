#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace glow::images {

/// Whether the path leads to a folder, also by symbolic links. False for one that cannot be looked up.
bool is_folder(const std::filesystem::path& path);

/// The names of the entries of a folder that are not hidden, in bytewise order. Throws IoError.
std::vector<std::string> list_folder(const std::filesystem::path& folder);

/// With letters A to Z in lower case.
std::string to_lower(std::string_view text);

}  // namespace glow::images
