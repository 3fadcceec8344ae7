#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

namespace glow::tools {

/// The files that a call of a tool reads. Its outputs must not replace them, even with --overwrite.
class InputFiles {
 public:
  /// A file that does not exist is ignored.
  void add(const std::filesystem::path& file);
  /// Adds "FILE", or the file of a data set that consists of one file; does nothing for other data sets.
  void add_source(const std::string& specification);
  /// Throws ConfigError of `field` when `file` is one of them, under this name or another
  /// (std::filesystem::equivalent).
  void refuse(const std::string& field, const std::filesystem::path& file) const;

 private:
  /// Device and inode of each file.
  std::set<std::pair<std::uint64_t, std::uint64_t>> files_;
};

}  // namespace glow::tools
