#include "io/idx.h"

#include <glow/error.h>
#include <glow/io/file.h>

#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/regular_file.h"

namespace glow::io {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 31;
constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kDimensionSize = 4;

std::uint8_t byte_at(const std::string& content, std::size_t position) {
  return static_cast<std::uint8_t>(content[position]);
}

/// The number of dimensions, from the magic: two zeros, the type, the number.
std::size_t dimension_count(const std::filesystem::path& path, const std::string& content) {
  if (content.size() < kMagicSize || content[0] != 0 || content[1] != 0) throw other_kind(path, "an idx file", content);
  constexpr std::uint8_t kUnsignedByte = 0x08;
  if (byte_at(content, 2) != kUnsignedByte) {
    throw FormatError(
        path, "idx elements of type " + std::to_string(byte_at(content, 2)) + ", expected unsigned bytes (type 8)");
  }
  const std::size_t count = byte_at(content, 3);
  if (count == 0 || content.size() < kMagicSize + count * kDimensionSize) {
    throw FormatError(path, "the idx header ends before its " + std::to_string(count) + " dimensions");
  }
  return count;
}

std::vector<std::int64_t> read_shape(const std::string& content, std::size_t count) {
  std::vector<std::int64_t> shape(count, 0);
  for (std::size_t i = 0; i < count * kDimensionSize; ++i) {
    std::int64_t& size = shape[i / kDimensionSize];
    size = size << 8 | byte_at(content, kMagicSize + i);  // big-endian
  }
  return shape;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path) {
  constexpr std::size_t kMostDimensions = 255;
  constexpr std::uint64_t kMostFile = kMostBytes + kMagicSize + kMostDimensions * kDimensionSize;
  // Not by the name: programs that download files unpack some of them without a change of the name.
  const bool is_gzip = file_start(RegularFile(path)).starts_with("\x1f\x8b");
  std::string content = is_gzip ? read_gzip(path, kMostFile) : read_file(path, kMostFile);
  const std::size_t count = dimension_count(path, content);
  const std::size_t header_size = kMagicSize + count * kDimensionSize;
  std::vector<std::int64_t> shape = read_shape(content, count);
  if (array_bytes(shape, 1) != content.size() - header_size) {
    throw FormatError(path, "expected an array of shape " + to_text(shape) + ", found " +
                                std::to_string(content.size() - header_size) + " bytes");
  }
  content.erase(0, header_size);
  return {std::move(shape), std::move(content)};
}

}  // namespace glow::io
