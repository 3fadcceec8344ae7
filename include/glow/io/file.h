#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace glow::io {

/// The whole content of a regular file.
/// Throws IoError when it is missing, not a regular file or unreadable, FormatError when it is larger than
/// `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The decompressed content of a regular .gz file (RFC 1952), of all its members one after the other.
/// Throws IoError like read_file, FormatError when the stream is damaged, truncated or expands beyond
/// `max_bytes`.
std::string read_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces `path` by `content`, whole or not at all (see AtomicFile). Throws IoError.
void write_file(const std::filesystem::path& path, std::string_view content);

/// A file that appears under its name whole or not at all: the bytes go to a temporary file in the same
/// directory, and `commit` flushes it to disk, renames it over `path` and flushes the directory. The mode
/// follows the umask. Destroyed without `commit`, it leaves nothing behind and an older file at `path`
/// untouched. A write beyond RLIMIT_FSIZE raises SIGXFSZ, which ends a process that does not ignore it.
class AtomicFile {
 public:
  /// Throws IoError when the directory does not exist or cannot be written, or when `path` is there already
  /// and not a regular file (a directory or a device, say).
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends bytes to those that this has written. Throws IoError (a full disk, say).
  void write(std::string_view bytes);
  /// Puts bytes at an offset, which moves no end for `write`; what nothing was put to is zeros. Throws IoError.
  void write_at(std::uint64_t offset, std::string_view bytes);
  /// Fills `bytes` with those from an offset on. Throws IoError, also when the file is shorter.
  void read_at(std::uint64_t offset, std::span<char> bytes) const;
  /// Makes the file visible. Call once, last. Throws IoError; then nothing has changed at `path`.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Whether the name is that of an AtomicFile's temporary file.
bool is_temporary(const std::filesystem::path& path);

/// Removes the temporary files that writers which were killed left in the directory, where none writes now. Throws
/// IoError when one cannot be removed.
void remove_temporaries(const std::filesystem::path& directory);

/// A regular file mapped read-only into memory for as long as the object lives. Replacing the file meanwhile
/// is harmless; shortening it in place is not (reading the lost part raises SIGBUS).
class MappedFile {
 public:
  /// Throws IoError when it is missing, not a regular file or unreadable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace glow::io
