#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace glow::io {

static_assert(std::endian::native == std::endian::little,
              "arrays in files are little-endian and are used without conversion");

/// Bytes of a dense array, or nullopt when a dimension is negative or the product of the nonzero dimensions and
/// `element_size` overflows int64. Zeros are skipped because strides are products of the other dimensions, also in an
/// empty array, and must not overflow.
inline std::optional<std::uint64_t> array_bytes(const std::vector<std::int64_t>& shape, std::uint64_t element_size) {
  std::int64_t product = static_cast<std::int64_t>(element_size);
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    if (size < 0 || (size > 0 && __builtin_mul_overflow(product, size, &product))) {
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

/// The integer in the first sizeof(Integer) bytes. `bytes` must not be shorter.
template <typename Integer>
Integer read_little_endian(std::string_view bytes) {
  Integer value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace glow::io
