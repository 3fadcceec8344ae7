#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>
#include <glow/io/file.h>

#pragma GCC visibility push(default)

namespace glow::io {

/// One tensor of a safetensors file, as bytes: little-endian, C order.
struct TensorEntry {
  /// Unique in the file.
  std::string name;
  /// The format's name: "F32", "F64", "I64", "U8" ...
  std::string dtype;
  /// The tensor's lengths, one for each axis; empty for a single number.
  std::vector<std::int64_t> shape;
  /// Borrowed: valid for the lifetime of the reader or of the caller's buffer. Not aligned: copy with memcpy before
  /// reading numbers.
  std::string_view data;
};

/// The texts in a file's header (`__metadata__`), by their keys.
using Metadata = std::map<std::string, std::string>;

/// Bytes of one element of a safetensors dtype, 0 for an unknown name.
std::uint64_t dtype_size(std::string_view dtype);

/// The metadata key of the checksum: SHA-256 of the whole file, computed with zeros in place of these 64 digits.
inline constexpr const char* kChecksumKey = "glow.checksum";

/// A memory-mapped safetensors file, checked when opened: offsets contiguous from 0, without hole or overlap, every
/// size equal to that of its shape, no duplicate key, no bytes after the last tensor.
class SafetensorsReader {
 public:
  /// Throws IoError when it cannot be opened, FormatError (naming the tensor) when a check fails.
  explicit SafetensorsReader(const std::filesystem::path& path);

  /// The file, as it was passed to the constructor.
  const std::filesystem::path& path() const { return path_; }
  /// The texts in the file's header; empty when it has none.
  const Metadata& metadata() const { return metadata_; }
  /// In the order of their offsets.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  /// The value of a metadata key. Throws FormatError naming the file and key when it is missing.
  const std::string& metadata_value(const std::string& key) const;
  /// Throws FormatError unless the metadata key "format" has this value. The error says what the file is, and if its
  /// metadata were lost. `expected`: the file's description, with its article.
  void require_format(const std::string& format, const std::string& expected) const;
  /// Compares the checksum of the whole file with that in its metadata. Throws FormatError when the metadata have no
  /// checksum, or a malformed or different one. If it is different, the file is damaged, or another program saved
  /// it without renewing the checksum (docs/formats.md has a recipe).
  void verify_checksum() const;
  /// See MappedFile::release.
  void release(const TensorEntry& entry) const { file_.release(entry.data); }

 private:
  std::filesystem::path path_;
  MappedFile file_;
  Metadata metadata_;
  std::vector<TensorEntry> entries_;
  /// Bytes before the tensors' data.
  std::size_t header_end_ = 0;
};

/// Writes a file incrementally and atomically: `finish` moves the file to `path`. The tensors may be written in any
/// order and interleaved. The checksum is added to the metadata and replaces an existing one.
class SafetensorsWriter {
 public:
  /// `tensors` in the order of their data; `data` is ignored. Throws IoError, and FormatError when a name appears twice
  /// or is not UTF-8, when a dtype is unknown or a shape impossible.
  SafetensorsWriter(const std::filesystem::path& path, Metadata metadata, const std::vector<TensorEntry>& tensors);

  /// Appends to the data of tensor number `tensor`. Throws IoError, and FormatError when there are more bytes than its
  /// shape holds.
  void write(std::size_t tensor, std::string_view data);
  /// Completes the file and returns the checksum. Call once, last. Throws IoError, and FormatError when bytes are
  /// missing.
  std::string finish();

 private:
  /// A tensor, and the positions of its data in the file: first byte, next byte to write, end.
  struct Part {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin, next, end;
  };
  FormatError wrong_size(const Part& part, std::uint64_t bytes) const;
  std::string hash() const;

  std::filesystem::path path_;
  std::vector<Part> parts_;
  /// The header's length and the header, with zeros as the checksum's digits.
  std::string start_;
  AtomicFile file_;
};

/// Writes a file atomically, tensors in the given order, with the checksum added to the metadata (an existing one is
/// replaced); returns the checksum. Throws IoError, and FormatError when a name appears twice or is not UTF-8, when a
/// dtype is unknown or when data does not have the size of its shape.
std::string write_safetensors(const std::filesystem::path& path, Metadata metadata,
                              const std::vector<TensorEntry>& entries);

}  // namespace glow::io

#pragma GCC visibility pop
