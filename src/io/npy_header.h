#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace glow::io {

/// The first bytes of an .npy file, before the array's data.
struct NpyHeader {
  /// See NpyReader::dtype.
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// Bytes of an element.
  std::uint64_t element_size = 0;
  /// Bytes before the data.
  std::uint64_t size = 0;
};

/// Reads the header from `start`, the first bytes of a file of `file_size` bytes that ends with the data. Throws
/// FormatError as NpyReader does, also when the header exceeds `start`.
NpyHeader read_npy_header(const std::filesystem::path& path, std::string_view start, std::uint64_t file_size);

}  // namespace glow::io
