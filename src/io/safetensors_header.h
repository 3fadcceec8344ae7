#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include <glow/io/safetensors.h>

namespace glow::io {

inline constexpr std::uint64_t kMaxHeaderSize = 100'000'000;
inline constexpr const char* kMetadataKey = "__metadata__";

/// The JSON of a safetensors file.
struct SafetensorsHeader {
  /// The range [begin, end) of a tensor's data, relative to the end of the header.
  struct Tensor {
    TensorEntry entry;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Metadata metadata;
  /// In the order of their offsets.
  std::vector<Tensor> tensors;
};

/// Parses the JSON and checks it: no duplicate or unknown keys, known dtypes, sizes equal to those of the shapes,
/// offsets contiguous from 0. Throws FormatError naming `path` and the tensor.
SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view text);

/// A tensor in an error message: `tensor "top.prior.bias"`.
std::string tensor_text(std::string_view name);

}  // namespace glow::io
