#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include "support/files.h"

namespace glow::testing {

inline std::string checkpoint_name(std::int64_t step) {
  const auto digits = std::to_string(step);
  return "step-" + std::string(9 - digits.size(), '0') + digits + ".safetensors";
}

/// The step of a run's newest checkpoint; 0 when there is none.
inline std::int64_t newest_step(const std::filesystem::path& run) {
  constexpr std::string_view kPrefix = "step-";
  std::int64_t newest = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(kPrefix)) newest = std::max<std::int64_t>(newest, std::stol(name.substr(kPrefix.size())));
  }
  return newest;
}

/// The bytes of each of a run's checkpoints.
inline std::map<std::string, std::string> checkpoints_of(const std::filesystem::path& run) {
  std::map<std::string, std::string> bytes;
  for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints")) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("step-")) bytes[name] = get(entry.path());
  }
  return bytes;
}

}  // namespace glow::testing
