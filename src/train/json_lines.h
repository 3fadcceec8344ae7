#pragma once

#include <filesystem>
#include <fstream>
#include <functional>

#include <nlohmann/json.hpp>

namespace glow::train {

/// A file of one JSON object a line, which grows at its end.
class JsonLines {
 public:
  /// Keeps the file's lines up to the first that is torn or does not belong, by `belongs`, and removes the rest; begins
  /// a new file when there is none. Throws IoError.
  JsonLines(std::filesystem::path path, const std::function<bool(const nlohmann::ordered_json&)>& belongs);

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
