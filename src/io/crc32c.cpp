#include "io/crc32c.h"

#include <array>
#include <cstddef>

#include "io/array_bytes.h"

namespace glow::io {
namespace {

constexpr std::size_t kCrcSlices = 8;
using CrcTables = std::array<std::array<std::uint32_t, 256>, kCrcSlices>;

/// Table s holds the CRC of each byte followed by s zero bytes.
constexpr CrcTables make_crc_tables() {
  constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
    }
    tables[0][byte] = crc;
  }
  for (std::size_t slice = 1; slice < kCrcSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[slice - 1][byte];
      tables[slice][byte] = crc >> 8 ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  // Slicing by 8: a CRC is linear, so that the contributions of eight bytes can be looked up independently.
  for (; bytes.size() >= kCrcSlices; bytes.remove_prefix(kCrcSlices)) {
    const std::uint64_t eight = read_little_endian<std::uint64_t>(bytes) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < kCrcSlices; ++i) {
      crc ^= kCrcTables[kCrcSlices - 1 - i][eight >> (8 * i) & 0xff];
    }
  }
  for (const char byte : bytes) {
    crc = crc >> 8 ^ kCrcTables[0][(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
  }
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  constexpr std::uint32_t kMaskDelta = 0xa282ead8;
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + kMaskDelta;
}

}  // namespace glow::io
