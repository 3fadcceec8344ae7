#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace glow::io {

/// A checksum that a file has of some of its bytes.
struct Checksum {
  enum class Kind {
    /// The file has none.
    kNone,
    kCrc32,
    /// As in TFRecords and TensorFlow's checkpoints.
    kMaskedCrc32c,
  };
  Kind kind = Kind::kNone;
  /// The bytes that were summed.
  std::string_view bytes{};
  std::uint32_t value = 0;
};

/// Whether the bytes have their checksum; true without one.
bool is_intact(const Checksum& checksum);

/// A tensor in a file of weights, as it lies there. Bytes are a part of the file.
struct StoredTensor {
  std::string name;
  /// As in safetensors: "F32". Empty for types that it does not have (strings, complex numbers), which have no data.
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// In elements, not negative; none without a dtype. Element [i, j, ...] is i * strides[0] + j * strides[1] + ...
  /// elements after the first.
  std::vector<std::int64_t> strides;
  /// From its first element to its last, little-endian, not aligned; empty if it has none. Tensors may share bytes.
  std::string_view data{};
  Checksum checksum{};
};

/// Throws FormatError, naming the tensor and the file `path`, unless its bytes have their checksum.
void verify(const StoredTensor& tensor, const std::filesystem::path& path);

}  // namespace glow::io
