#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

namespace glow::tools {

/// The files that a call of a tool reads: what it writes must not take their place, whatever --overwrite says.
class InputFiles {
 public:
  /// One that is not there counts for nothing.
  void add(const std::filesystem::path& file);
  /// The file of "FILE" or of a data set that is one file; of other data sets nothing.
  void add_source(const std::string& specification);
  /// Throws ConfigError naming `field` when `file` is one of them, by this name or another (as
  /// std::filesystem::equivalent has it).
  void refuse(const std::string& field, const std::filesystem::path& file) const;

 private:
  /// Device and number on it, of each.
  std::set<std::pair<std::uint64_t, std::uint64_t>> files_;
};

}  // namespace glow::tools
