#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace glow::data {

/// The PNG and JPEG files (by extension, in any case) at any depth below `directory`, as paths relative to
/// it, in bytewise order. Links are followed, but each folder is looked at once (see open_data_set); names that begin
/// with a dot are left out. Throws IoError when a folder cannot be read.
std::vector<std::string> find_images(const std::filesystem::path& directory);

}  // namespace glow::data
