#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tools/common/input_files.h"

namespace glow::tools {

/// A file that a tool is to write, at the end or as it goes.
struct OutputFile {
  /// Of the settings, for messages.
  std::string field = "out";
  std::filesystem::path path = {};
  /// Those it may have (".npy"); none: any.
  std::vector<std::string> extensions = {};
  /// Whether a file that is there may be replaced ...
  bool overwrite = false;
  /// ... unless it is one of these, or this says what is wrong with it ("holds no scores"; nothing: "").
  InputFiles inputs = {};
  std::function<std::string(const std::filesystem::path&)> foreign = nullptr;
};

/// Throws ConfigError naming the field unless such a file may be there, and IoError when it cannot be written: now
/// rather than after hours.
void check_output_file(const OutputFile& file);

/// The part of it that looks at what is there: throws ConfigError naming the field unless it may be replaced.
void check_replaceable(const OutputFile& file);

bool is_there(const std::filesystem::path& path);

}  // namespace glow::tools
