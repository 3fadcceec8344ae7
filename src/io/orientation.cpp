#include "io/orientation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace glow::io {
namespace {

using namespace std::string_view_literals;

/// The integers of a TIFF structure (TIFF 6.0, section 2) in its byte order.
class TiffBytes {
 public:
  TiffBytes(std::string_view bytes, bool is_big_endian) : bytes_(bytes), is_big_endian_(is_big_endian) {}

  std::size_t size() const { return bytes_.size(); }

  /// The unsigned integer of `count` bytes at `offset`, or nothing beyond the end.
  std::optional<std::uint32_t> integer(std::size_t offset, std::size_t count) const {
    if (offset > bytes_.size() || count > bytes_.size() - offset) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t place = offset + (is_big_endian_ ? i : count - 1 - i);
      value = value << 8 | static_cast<std::uint8_t>(bytes_[place]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool is_big_endian_;
};

/// Bytes of a value of a field's type, 0 for an unknown one.
std::size_t tiff_value_size(std::uint32_t type) {
  // BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD, LONG8.
  constexpr std::uint8_t kSizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

/// The value of `type` at `place`, 0 if it is not an integer.
int read_orientation(const TiffBytes& tiff, std::uint32_t type, std::size_t place) {
  constexpr std::uint32_t kShort = 3, kLong = 4, kSignedByte = 6, kSignedShort = 8, kSignedLong = 9;
  for (const std::uint32_t integer : {kShort, kLong, kSignedByte, kSignedShort, kSignedLong}) {
    if (type == integer) return static_cast<int>(*tiff.integer(place, tiff_value_size(type)));
  }
  return 0;
}

std::optional<TiffBytes> find_tiff(std::string_view exif) {
  constexpr std::string_view kCode = "Exif\0\0"sv;
  for (int i = 0; i < 2 && exif.starts_with(kCode); ++i) exif.remove_prefix(kCode.size());
  const std::string_view order = exif.substr(0, 2), version = exif.substr(order.size(), 2);
  const bool is_tiff = (order == "II" || order == "MM") && (version == "*\0"sv || version == "\0*"sv);
  return is_tiff ? std::optional(TiffBytes(exif, order == "MM")) : std::nullopt;
}

/// The value of the tag in the first directory, 0 if it is not an integer, or nothing without the tag. The directory
/// ends where it or the values of a field reach beyond the structure.
std::optional<int> exif_orientation(std::string_view exif) {
  constexpr std::uint32_t kOrientation = 0x0112;
  constexpr std::size_t kDirectory = 4, kField = 12, kInField = 4;
  const auto tiff = find_tiff(exif);
  const auto directory = tiff ? tiff->integer(kDirectory, 4) : std::nullopt;
  const auto fields = directory ? tiff->integer(*directory, 2) : std::nullopt;
  std::uint64_t all_values = 0;
  for (std::uint32_t i = 0; i < fields.value_or(0); ++i) {
    // Tag, type, number of values, and the values or their offset.
    const std::size_t field = *directory + std::size_t{2} + i * kField;
    const auto offset = tiff->integer(field + 8, 4);
    if (!offset) break;
    const std::uint32_t type = *tiff->integer(field + 2, 2);
    const std::uint64_t size = std::uint64_t{*tiff->integer(field + 4, 4)} * tiff_value_size(type);
    if (size == 0) continue;
    if (size > kInField) {
      all_values += size;
      if (all_values > tiff->size()) continue;  // the number of values is wrong
      if (!tiff->integer(*offset + size - 1, 1)) break;
    }
    if (*tiff->integer(field, 2) == kOrientation)
      return read_orientation(*tiff, type, size > kInField ? *offset : field + 8);
  }
  return std::nullopt;
}

/// The digit in the first tiff:Orientation="6" or <tiff:Orientation>6.
int xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (auto at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());
    if (!rest.starts_with("=\"") && !rest.starts_with(">")) continue;
    rest.remove_prefix(rest.starts_with(">") ? 1 : 2);
    if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') return rest.front() - '0';
  }
  return 0;
}

/// Copies pixels from `first`, of the upright image's upper left corner, with the distance in bytes between rows and
/// columns of the upright image. In blocks, because one of the two images may be accessed by columns.
template <int kChannels>
void turn_pixels(const std::uint8_t* first, std::ptrdiff_t down, std::ptrdiff_t right, Image& upright) {
  constexpr int kBlock = 32;
  const int height = upright.shape.height, width = upright.shape.width;
  for (int top = 0; top < height; top += kBlock) {
    for (int left = 0; left < width; left += kBlock) {
      const int block_width = std::min(kBlock, width - left);
      for (int y = top; y < std::min(top + kBlock, height); ++y) {
        const std::uint8_t* from = first + y * down + left * right;
        std::uint8_t* to = upright.pixels.data() + (std::ptrdiff_t{y} * width + left) * kChannels;
        for (int x = 0; x < block_width; ++x, from += right, to += kChannels) std::memcpy(to, from, kChannels);
      }
    }
  }
}

}  // namespace

Orientation find_orientation(std::string_view exif, std::string_view xmp) {
  // By the place of the stored row 0 and column 0 in the upright image.
  switch (const auto in_exif = exif_orientation(exif); in_exif ? *in_exif : xmp_orientation(xmp)) {
    case 2:  // top, right
      return {.reverses_columns = true};
    case 3:  // bottom, right
      return {.reverses_rows = true, .reverses_columns = true};
    case 4:  // bottom, left
      return {.reverses_rows = true};
    case 5:  // left, top
      return {.transposes = true};
    case 6:  // right, top
      return {.reverses_rows = true, .transposes = true};
    case 7:  // right, bottom
      return {.reverses_rows = true, .reverses_columns = true, .transposes = true};
    case 8:  // left, bottom
      return {.reverses_columns = true, .transposes = true};
    default:
      return {};
  }
}

ImageShape upright_shape(const ImageShape& stored, const Orientation& orientation) {
  ImageShape shape = stored;
  if (orientation.transposes) std::swap(shape.height, shape.width);
  return shape;
}

Image turn_upright(Image stored, const Orientation& orientation) {
  if (orientation == Orientation{}) return stored;
  const auto [height, width, channels] = stored.shape;
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{width} * channels;
  const std::uint8_t* first = stored.pixels.data() + (orientation.reverses_rows ? (height - 1) * row_bytes : 0) +
                              (orientation.reverses_columns ? row_bytes - channels : 0);
  std::ptrdiff_t down = orientation.reverses_rows ? -row_bytes : row_bytes;
  std::ptrdiff_t right = orientation.reverses_columns ? -channels : channels;
  if (orientation.transposes) std::swap(down, right);
  Image upright{upright_shape(stored.shape, orientation), std::vector<std::uint8_t>(stored.pixels.size())};
  switch (channels) {
    case 1:
      turn_pixels<1>(first, down, right, upright);
      break;
    case 2:
      turn_pixels<2>(first, down, right, upright);
      break;
    case 3:
      turn_pixels<3>(first, down, right, upright);
      break;
    default:
      turn_pixels<4>(first, down, right, upright);
  }
  return upright;
}

}  // namespace glow::io
