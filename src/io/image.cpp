#include <glow/io/image.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <glow/error.h>
#include <glow/io/file.h>

#include "io/file_kind.h"
#include "io/image_decoder.h"

namespace glow::io {
namespace {

/// The decoder for the format that the first bytes identify.
std::unique_ptr<ImageDecoder> make_decoder(std::string_view bytes, const std::filesystem::path& name) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return make_png_decoder(bytes, name);
  if (bytes.starts_with("\xff\xd8\xff")) return make_jpeg_decoder(bytes, name);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP")
    return make_webp_decoder(bytes, name);
  const FileKind kind = identify_file(bytes);
  if (!kind.is_unsupported_image) throw other_kind(name, "a PNG, JPEG or WebP image", bytes);
  throw FormatError(name, "is " + kind.name + ", which is not supported: convert it to PNG, JPEG or WebP");
}

/// Throws FormatError when an image has more than 2^28 pixels.
void check_pixels(const ImageShape& shape, const std::filesystem::path& name) {
  constexpr std::size_t kMostPixels = std::size_t{1} << 28;
  if (static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width) > kMostPixels) {
    throw FormatError(name, "has " + std::to_string(shape.height) + "x" + std::to_string(shape.width) +
                                " pixels, more than the 2^28 accepted");
  }
}

/// The largest reduction of an image after which it has at least the size `least`, both as they are stored.
int find_reduction(const ImageHeader& header, ImageSize least) {
  constexpr int kBlock = 8;  // of JPEG's cosine transform; a smaller image is not worth a reduction
  const auto& [shape, orientation, is_reducible] = header;
  if (!is_reducible || std::max(shape.height, shape.width) < kBlock) return 1;
  for (const int factor : {8, 4, 2}) {
    // whole / factor >= least, without overflow.
    if (shape.height / factor < least.height || shape.width / factor < least.width) continue;
    // Reversing would put a pixel that is partly beyond the edge first.
    const bool has_partial_row = shape.height % factor != 0, has_partial_column = shape.width % factor != 0;
    const bool is_displaced =
        (orientation.reverses_rows && has_partial_row) || (orientation.reverses_columns && has_partial_column);
    return is_displaced ? 1 : factor;
  }
  return 1;
}

/// Decodes an image at the largest reduction after which the upright image has at least the size `least`.
ReducedImage decode_upright(std::string_view bytes, const std::filesystem::path& name, ImageSize least) {
  const auto decoder = make_decoder(bytes, name);
  const ImageHeader header = decoder->read_header();
  check_pixels(header.shape, name);
  if (header.orientation.transposes) std::swap(least.height, least.width);
  const int reduction = find_reduction(header, least);
  Image image{header.shape, {}};
  image.shape.height = (image.shape.height + reduction - 1) / reduction;
  image.shape.width = (image.shape.width + reduction - 1) / reduction;
  const auto [height, width, channels] = image.shape;
  image.pixels.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
                      static_cast<std::size_t>(channels));
  decoder->read_pixels(image, reduction);
  return {turn_upright(std::move(image), header.orientation), reduction};
}

}  // namespace

ImageShape decode_image_shape(std::string_view bytes, const std::filesystem::path& name) {
  const ImageHeader header = make_decoder(bytes, name)->read_header();
  return upright_shape(header.shape, header.orientation);
}

Image decode_image(std::string_view bytes, const std::filesystem::path& name) {
  constexpr int kWhole = std::numeric_limits<int>::max();
  return decode_upright(bytes, name, {kWhole, kWhole}).image;
}

ReducedImage decode_reduced_image(std::string_view bytes, const std::filesystem::path& name, ImageSize least) {
  return decode_upright(bytes, name, least);
}

ImageShape read_image_shape(const std::filesystem::path& path) {
  return decode_image_shape(MappedFile(path).bytes(), path);
}

Image read_image(const std::filesystem::path& path) { return decode_image(MappedFile(path).bytes(), path); }

void write_png(const std::filesystem::path& path, const Image& image) { write_file(path, encode_png(image)); }

}  // namespace glow::io
