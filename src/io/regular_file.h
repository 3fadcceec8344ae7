#pragma once

#include <cstdint>
#include <filesystem>

namespace glow::io {

/// A regular file open for reading, closed with the object.
class RegularFile {
 public:
  /// Never waits for a FIFO's writer. Throws IoError when it is missing, not a regular file or unreadable.
  explicit RegularFile(const std::filesystem::path& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  int descriptor() const { return descriptor_; }
  /// In bytes, when it was opened.
  std::uint64_t size() const { return size_; }

 private:
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace glow::io
