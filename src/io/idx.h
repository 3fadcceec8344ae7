#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::io {

/// An array of bytes in the idx format of MNIST and Fashion-MNIST.
struct IdxArray {
  std::vector<std::int64_t> shape;
  /// C order.
  std::string bytes;
};

/// Reads an idx file of unsigned bytes (type 0x08), which may be compressed by gzip.
/// Throws IoError, and FormatError when magic, dimensions or length are wrong or above 2^31 bytes.
IdxArray read_idx(const std::filesystem::path& path);

}  // namespace glow::io
