#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace glow::data {

/// What is wrong with each of the image files, one line that names it; empty for one that io::read_image decodes.
/// `progress` may be null: called with files done and files in all. Throws IoError.
std::vector<std::string> find_corrupt(const std::vector<std::filesystem::path>& files,
                                      const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace glow::data
