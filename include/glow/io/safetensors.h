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

namespace glow::io {

/// One tensor of a safetensors file, as bytes: little-endian, C order.
struct TensorEntry {
  std::string name;
  /// "F32", "F64", "I64", "U8" ... as the format writes it.
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// Borrowed: valid as long as the reader, or the caller's buffer, lives. Not aligned to anything: copy it
  /// (memcpy) before looking at numbers.
  std::string_view data;
};

using Metadata = std::map<std::string, std::string>;

/// Bytes of one element of a safetensors dtype, 0 for a name the format does not have.
std::uint64_t dtype_size(std::string_view dtype);

/// The metadata's key of the checksum: SHA-256 of the whole file, with these 64 digits as zeros.
inline constexpr const char* kChecksumKey = "glow.checksum";

/// A safetensors file, mapped and checked on opening: offsets sorted, contiguous from 0, without hole or
/// overlap, every size that of its shape, no duplicate key, nothing after the last tensor.
class SafetensorsReader {
 public:
  /// Throws IoError when it cannot be opened, FormatError (naming the tensor) when anything is not as above.
  explicit SafetensorsReader(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  /// In the order of their offsets.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  /// The value of a metadata key. Throws FormatError naming the file and key when it is missing.
  const std::string& metadata_value(const std::string& key) const;
  /// Reads the whole file and compares with the checksum in its metadata. Throws FormatError when it is
  /// missing, malformed or different.
  void verify_checksum() const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  Metadata metadata_;
  std::vector<TensorEntry> entries_;
  /// Bytes before the tensors' data.
  std::size_t header_end_ = 0;
};

/// Writes a file atomically, tensors side by side in pieces, with the checksum added to the metadata (in place of any
/// that is there): without `finish` nothing appears.
class SafetensorsWriter {
 public:
  /// The tensors in the order of their data, which need not be there yet. Throws IoError, and FormatError when a name
  /// is taken twice or is not UTF-8, when a dtype is unknown or no file has such a shape.
  SafetensorsWriter(const std::filesystem::path& path, Metadata metadata, const std::vector<TensorEntry>& tensors);

  /// The next bytes of one of them, by its place. Throws IoError, FormatError when they are more than its shape has.
  void write(std::size_t tensor, std::string_view data);
  /// Makes the file visible and returns the checksum. Call once, last. Throws IoError, FormatError when bytes are
  /// missing.
  std::string finish();

 private:
  /// What is known of a tensor, and where in the file its next byte and its end are.
  struct Part {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin, next, end;
  };
  FormatError wrong_size(const Part& part, std::uint64_t bytes) const;
  std::string hash() const;

  std::filesystem::path path_;
  std::vector<Part> parts_;
  /// The length of the header and the header, the checksum's digits zeros.
  std::string start_;
  AtomicFile file_;
};

/// Writes a file atomically, tensors in the given order, with the checksum added to the metadata (in place of
/// any that is there); returns the checksum. Throws IoError, and FormatError when a name is taken twice or is
/// not UTF-8, when a dtype is unknown or when data does not have the size of its shape.
std::string write_safetensors(const std::filesystem::path& path, Metadata metadata,
                              const std::vector<TensorEntry>& entries);

}  // namespace glow::io
