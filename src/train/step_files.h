#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::train {

/// A file that belongs to a step of a run: "step-000012000.png".
struct StepFile {
  std::int64_t step;
  std::filesystem::path path;
};

/// "step-000012000"
std::string step_name(std::int64_t step);

/// The files in the directory whose names are step_name and `extension`, the newest step first; none when there is no
/// such directory. Throws IoError when it cannot be read.
std::vector<StepFile> step_files(const std::filesystem::path& directory, const std::string& extension);

}  // namespace glow::train
