#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <glow/error.h>

#pragma GCC visibility push(default)

namespace glow::io {

/// The whole content of a regular file.
/// Throws IoError when it is missing, not a regular file or unreadable, FormatError when it is larger than
/// `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The decompressed content of a regular .gz file (RFC 1952): its members, concatenated.
/// Throws IoError like read_file, FormatError when the stream is damaged, truncated or expands beyond
/// `max_bytes`.
std::string read_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The error of a file that is of another kind than expected: "PATH: expected EXPECTED, is a pointer of Git LFS: `git
/// lfs pull` fetches the file", or, for content of no known kind, "PATH: expected EXPECTED, is not one". `expected`:
/// with its article. `start`: the first bytes of the file, 4 KiB or all.
FormatError other_kind(const std::filesystem::path& path, std::string_view expected, std::string_view start);

/// The extension of a path with letters A to Z in lower case: ".npy" for a.NPY.
std::string lower_extension(const std::filesystem::path& path);

/// Replaces the file at `path` by `content` atomically (see AtomicFile). Throws IoError.
void write_file(const std::filesystem::path& path, std::string_view content);

/// Writes a file atomically: the bytes go to a temporary file in the same directory, and `commit` flushes it to disk,
/// renames it to `path` and flushes the directory. The mode follows the umask. Without `commit`, the destructor removes
/// the temporary file, and an older file at `path` is unchanged. A write beyond RLIMIT_FSIZE raises SIGXFSZ, which ends
/// a process that does not ignore it.
class AtomicFile {
 public:
  /// Throws IoError when the directory does not exist or cannot be written, or when `path` exists and is not a regular
  /// file (a directory or a device, for example).
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends bytes to those of earlier calls. Throws IoError (a full disk, for example).
  void write(std::string_view bytes);
  /// Writes bytes at an offset. Does not change where the next `write` appends; bytes never written are zeros. Throws
  /// IoError.
  void write_at(std::uint64_t offset, std::string_view bytes);
  /// Fills `bytes` with the bytes at an offset. Throws IoError, also when the file is shorter.
  void read_at(std::uint64_t offset, std::span<char> bytes) const;
  /// Moves the file to `path`. Call once, last. Throws IoError, and then `path` is unchanged.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Whether the path has the name of an AtomicFile's temporary file.
bool is_temporary(const std::filesystem::path& path);

/// Removes the temporary files that killed processes left in the directory. No process may be writing to it. Throws
/// IoError when a file cannot be removed.
void remove_temporaries(const std::filesystem::path& directory);

/// A regular file mapped read-only into memory for the lifetime of the object. Replacing the file meanwhile is
/// harmless; shortening it in place is not (reading the lost part raises SIGBUS).
class MappedFile {
 public:
  /// Throws IoError when it is missing, not a regular file or unreadable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// The content of the file, valid for the lifetime of the object.
  std::string_view bytes() const { return {data_, size_}; }
  /// Gives the memory of a part of the bytes back to the system, as far as they are whole pages. A later access reads
  /// the file again. Does nothing for bytes that are no part of the file.
  void release(std::string_view part) const;

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace glow::io

#pragma GCC visibility pop
