#pragma once

#include <cstdint>
#include <string>

namespace glow::io {

/// A part of a file or of other bytes.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - begin; }
};

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// A field of a protobuf message.
struct WireField {
  std::uint64_t number = 0;
  WireType type = WireType::varint;
  /// The value of a varint.
  std::uint64_t value = 0;
  /// Where the value of another type is.
  ByteRange range;
};

/// Reads the fields of a protobuf message (https://protobuf.dev/programming-guides/encoding). A source has
/// `bytes(offset, count)`, which gives a view of at least one byte that is valid until the next call, and
/// `fail(problem)`, which throws.
template <typename Source>
class WireReader {
 public:
  WireReader(Source& source, ByteRange message) : source_(source), rest_(message) {}

  bool at_end() const { return rest_.begin == rest_.end; }
  /// What has not been read.
  ByteRange rest() const { return rest_; }

  std::uint64_t varint() {
    constexpr int kBits = 64;
    constexpr int kBitsOfByte = 7;
    std::uint64_t value = 0;
    for (int shift = 0; shift < kBits && !at_end(); shift += kBitsOfByte) {
      const auto byte = static_cast<std::uint8_t>(source_.bytes(rest_.begin, 1).front());
      ++rest_.begin;
      const std::uint64_t bits = byte & 0x7f;
      value |= bits << shift;
      if (byte < 0x80) {
        if (bits << shift >> shift != bits) break;
        return value;
      }
    }
    source_.fail("expected an integer of protobuf, found one that is cut off or above 64 bits");
  }

  WireField field() {
    constexpr std::uint64_t kLastNumber = (std::uint64_t{1} << 29) - 1;
    const std::uint64_t tag = varint();
    WireField field{.number = tag >> 3, .type = static_cast<WireType>(tag & 7), .value = 0, .range = {}};
    if (field.number == 0 || field.number > kLastNumber) source_.fail("a field of protobuf has an invalid number");
    switch (field.type) {
      case WireType::varint:
        field.value = varint();
        break;
      case WireType::fixed64:
        field.range = take(sizeof(std::uint64_t));
        break;
      case WireType::bytes:
        field.range = take(varint());
        break;
      case WireType::fixed32:
        field.range = take(sizeof(std::uint32_t));
        break;
      default:
        source_.fail("a field of protobuf has type " + std::to_string(tag & 7) + ", expected 0, 1, 2 or 5");
    }
    return field;
  }

  /// The next `count` bytes.
  ByteRange take(std::uint64_t count) {
    if (count > rest_.size()) {
      source_.fail("a field of protobuf has " + std::to_string(count) + " bytes, expected at most " +
                   std::to_string(rest_.size()));
    }
    const std::uint64_t begin = rest_.begin;
    rest_.begin += count;
    return {begin, rest_.begin};
  }

 private:
  Source& source_;
  ByteRange rest_;
};

}  // namespace glow::io
