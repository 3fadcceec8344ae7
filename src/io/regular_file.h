#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace glow::io {

/// A regular file that is open for reading. Several threads may read at once.
class RegularFile {
 public:
  /// Does not wait for the writer of a FIFO. Throws IoError when the file is missing, not regular or unreadable.
  explicit RegularFile(std::filesystem::path path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  /// In bytes, when it was opened.
  std::uint64_t size() const { return size_; }

  /// Fills `bytes` with those at `offset`. Throws IoError, also when the file ends before.
  void read_at(std::uint64_t offset, std::span<char> bytes) const;
  /// `count` bytes at `offset`. Throws IoError, also when the file ends before; then it allocates nothing.
  std::string read(std::uint64_t offset, std::uint64_t count) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace glow::io
