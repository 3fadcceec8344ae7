#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <glow/io/file.h>

namespace glow::io {

/// A NumPy .npy file (versions 1.0 and 2.0), mapped: C order, little-endian numbers or booleans.
class NpyReader {
 public:
  /// Throws IoError when it cannot be opened, FormatError when magic, header or length are wrong, or when the
  /// array is in Fortran order or of another type (big-endian, complex, text, objects, records).
  explicit NpyReader(const std::filesystem::path& path);

  /// NumPy's type string, one-byte types with a bar: "|u1", "<f4" say.
  const std::string& dtype() const { return dtype_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  /// The array's bytes, valid as long as the reader lives.
  std::string_view data() const { return data_; }

 private:
  MappedFile file_;
  std::string dtype_;
  std::vector<std::int64_t> shape_;
  std::string_view data_;
};

/// Writes an .npy file (version 1.0) atomically. `dtype` is one that NpyReader::dtype can return.
/// Throws IoError, FormatError for another dtype or when `data` does not have the size of `shape`.
void write_npy(const std::filesystem::path& path, const std::string& dtype, const std::vector<std::int64_t>& shape,
               std::string_view data);

}  // namespace glow::io
