#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>
#include <glow/io/file.h>

#pragma GCC visibility push(default)

namespace glow::io {

/// A memory-mapped NumPy .npy file (versions 1.0, 2.0 and 3.0, also of Python 2): C order, little-endian numbers or
/// booleans.
class NpyReader {
 public:
  /// Throws IoError when it cannot be opened, FormatError when magic, header or length are wrong, or when the
  /// array is in Fortran order or of another type (big-endian, complex, text, objects, records).
  explicit NpyReader(const std::filesystem::path& path);

  /// NumPy's type string, with a bar for one-byte types: "|u1", "<f4".
  const std::string& dtype() const { return dtype_; }
  /// The array's lengths, one for each axis; empty for a single number.
  const std::vector<std::int64_t>& shape() const { return shape_; }
  /// The array's bytes, valid for the lifetime of the reader.
  std::string_view data() const { return data_; }

 private:
  MappedFile file_;
  std::string dtype_;
  std::vector<std::int64_t> shape_;
  std::string_view data_;
};

/// Writes an .npy file (version 1.0) incrementally and atomically: `finish` moves the file to `path`.
class NpyWriter {
 public:
  /// `dtype` is one that NpyReader::dtype can return. Throws IoError, and FormatError for another dtype or an
  /// impossible shape.
  NpyWriter(const std::filesystem::path& path, const std::string& dtype, const std::vector<std::int64_t>& shape);

  /// Appends to the array's bytes. Throws IoError, after which `finish` throws too, and FormatError when there are more
  /// bytes than the shape holds.
  void write(std::string_view data);
  /// Completes the file. Call once, last. Throws IoError, FormatError when bytes are missing.
  void finish();

 private:
  FormatError wrong_size(std::uint64_t bytes) const;

  std::filesystem::path path_;
  std::string dtype_;
  std::vector<std::int64_t> shape_;
  std::uint64_t missing_;
  AtomicFile file_;
};

/// Writes a whole array. Throws as NpyWriter does.
void write_npy(const std::filesystem::path& path, const std::string& dtype, const std::vector<std::int64_t>& shape,
               std::string_view data);

}  // namespace glow::io

#pragma GCC visibility pop
