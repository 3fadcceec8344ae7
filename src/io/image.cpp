#include <glow/io/image.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

Image blank_image(const ImageShape& shape) {
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  return {shape, std::vector<std::uint8_t>(pixels * static_cast<std::size_t>(shape.channels))};
}

}  // namespace

ImageShape decode_image_shape(std::string_view bytes, const std::filesystem::path& name) {
  return make_decoder(bytes, name)->read_header();
}

Image decode_image(std::string_view bytes, const std::filesystem::path& name) {
  const auto decoder = make_decoder(bytes, name);
  const ImageShape shape = decoder->read_header();
  check_pixels(shape, name);
  Image image = blank_image(shape);
  decoder->read_pixels(image);
  return image;
}

ReducedImage decode_reduced_image(std::string_view bytes, const std::filesystem::path& name, ImageSize least) {
  const auto decoder = make_decoder(bytes, name);
  ImageShape shape = decoder->read_header();
  check_pixels(shape, name);
  const int reduction = decoder->find_reduction(shape, least);
  shape.height = (shape.height + reduction - 1) / reduction;
  shape.width = (shape.width + reduction - 1) / reduction;
  ReducedImage reduced{blank_image(shape), reduction};
  decoder->read_pixels(reduced.image);
  return reduced;
}

ImageShape read_image_shape(const std::filesystem::path& path) {
  return decode_image_shape(MappedFile(path).bytes(), path);
}

Image read_image(const std::filesystem::path& path) { return decode_image(MappedFile(path).bytes(), path); }

void write_png(const std::filesystem::path& path, const Image& image) { write_file(path, encode_png(image)); }

}  // namespace glow::io
