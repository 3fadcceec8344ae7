#pragma once

#include <cstdint>
#include <string_view>

namespace glow::io {

/// The CRC-32C of `bytes`: Castagnoli's polynomial 0x1EDC6F41, reflected, start and end inverted (RFC 3720, appendix
/// B.4).
std::uint32_t crc32c(std::string_view bytes);

/// The same as TFRecords store it: rotated and shifted, because the CRC of bytes that contain their CRC is not a good
/// checksum.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace glow::io
