#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace glow::train {

/// A file of one JSON object a line, each with a "step", which grows at its end.
class JsonLines {
 public:
  /// Keeps the whole lines that the file has up to step `last_step` and removes the rest; begins a new file when there
  /// is none. Throws IoError.
  JsonLines(std::filesystem::path path, std::int64_t last_step);

  /// Adds a line and hands it to the system at once. Throws IoError.
  void add(const nlohmann::ordered_json& object);

  /// The last of the lines kept on opening; null when there was none.
  const nlohmann::ordered_json& last_kept() const { return last_kept_; }

 private:
  std::filesystem::path path_;
  nlohmann::ordered_json last_kept_;
  std::ofstream stream_;
};

}  // namespace glow::train
