#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/files.h"

namespace glow::testing {

/// CRC-32C bit by bit, without the library under test.
inline std::uint32_t slow_crc32c(std::string_view bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1) * 0x82f63b78;
  }
  return ~crc;
}

/// The four bytes of a checksum in a TFRecord.
inline std::string masked_checksum(std::string_view bytes) {
  const std::uint32_t crc = slow_crc32c(bytes);
  return little_endian((crc >> 15 | crc << 17) + 0xa282ead8, 4);
}

/// A TFRecord of a message.
inline std::string tfrecord(const std::string& message) {
  const std::string length = little_endian(message.size(), 8);
  return length + masked_checksum(length) + message + masked_checksum(message);
}

inline std::string proto_varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

/// A field of type 2: a string, a message or packed numbers.
inline std::string proto_bytes(int number, const std::string& content) {
  return proto_varint(static_cast<std::uint64_t>(number) << 3 | 2) + proto_varint(content.size()) + content;
}

/// An entry of the map of features.
inline std::string proto_entry(const std::string& name, const std::string& feature) {
  return proto_bytes(1, proto_bytes(1, name) + proto_bytes(2, feature));
}

/// An entry whose feature is a packed list of integers.
inline std::string proto_integers(const std::string& name, const std::vector<std::int64_t>& values) {
  std::string packed;
  for (const std::int64_t value : values) packed += proto_varint(static_cast<std::uint64_t>(value));
  return proto_entry(name, proto_bytes(3, proto_bytes(1, packed)));
}

/// An entry whose feature is a list of strings.
inline std::string proto_strings(const std::string& name, const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += proto_bytes(1, value);
  return proto_entry(name, proto_bytes(1, list));
}

/// The TFRecord of a tf.Example with these entries.
inline std::string example_record(const std::string& entries) { return tfrecord(proto_bytes(1, entries)); }

}  // namespace glow::testing
