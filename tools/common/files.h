#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace glow::tools {

/// The files that a call of a tool reads. Its outputs must not replace them, even with --overwrite.
class InputFiles {
 public:
  /// A file that does not exist is ignored.
  void add(const std::filesystem::path& file);
  /// Adds "FILE", or the file of a data set that consists of one file; does nothing for other data sets.
  void add_source(const std::string& specification);
  /// Throws ConfigError naming `field` when `file` is one of them, under this name or another
  /// (std::filesystem::equivalent).
  void refuse(const std::string& field, const std::filesystem::path& file) const;

 private:
  /// Device and inode of each file.
  std::set<std::pair<std::uint64_t, std::uint64_t>> files_;
};

/// A file that a tool will write, at the end or during its work.
struct OutputFile {
  /// The field of the settings, for messages.
  std::string field = "out";
  std::filesystem::path path = {};
  /// The allowed extensions (".npy"), in any case; empty: any.
  std::vector<std::string> extensions = {};
  /// Whether an existing file may be replaced.
  bool overwrite = false;
  /// Files that are never replaced, even with `overwrite`: `inputs`, and those for which `foreign` returns a reason
  /// ("holds no scores"). It returns "" for a file that may be replaced.
  InputFiles inputs = {};
  std::function<std::string(const std::filesystem::path&)> foreign = nullptr;
};

/// Throws ConfigError naming the field when the file must not be written, and IoError when it cannot be written. Call
/// it before the work, so that a wrong path is reported at once and not after hours.
void check_output_file(const OutputFile& file);

/// The part of check_output_file that concerns an existing file: throws ConfigError naming the field when it may not be
/// replaced.
void check_replaceable(const OutputFile& file);

bool is_there(const std::filesystem::path& path);

/// The text of a flag with the home directory in place of the "~" that begins a path: the text itself, an element of a
/// list with commas, or the path of a data set ("folder:~/photos"), where no shell replaces it. "~NAME" stays, as does
/// everything if HOME is not set.
std::string with_home(const std::string& text);

/// The specification with an absolute path: "folder:/home/ann/photos" for "folder:photos". Unchanged without a path.
std::string with_absolute_path(const std::string& specification);

}  // namespace glow::tools
