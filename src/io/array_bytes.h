#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace glow::io {

static_assert(std::endian::native == std::endian::little, "arrays in files are little-endian and used as they are");

/// Bytes of a dense array, or nothing when a dimension is negative or the product has no place in an int64,
/// zeros left out: strides are such products, even those of an empty array.
std::optional<std::uint64_t> array_bytes(const std::vector<std::int64_t>& shape, std::uint64_t element_size);

/// The integer in the first sizeof(Integer) bytes, of which there must be as many.
template <typename Integer>
Integer read_little_endian(std::string_view bytes) {
  Integer value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace glow::io
