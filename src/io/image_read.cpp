#include <cstddef>

#include <glow/io/file.h>
#include <glow/io/image.h>

#include "io/errors.h"
#include "io/image_codec.h"

namespace glow::io {
namespace {

/// Hands the file to the decoder of its format.
template <typename Result>
Result dispatch(const std::filesystem::path& path, Result (*png)(const std::filesystem::path&, std::string_view),
                Result (*jpeg)(const std::filesystem::path&, std::string_view)) {
  const MappedFile file(path);
  if (looks_like_png(file.bytes())) {
    return png(path, file.bytes());
  }
  if (looks_like_jpeg(file.bytes())) {
    return jpeg(path, file.bytes());
  }
  throw FormatError(path, "neither a PNG nor a JPEG file");
}

}  // namespace

Image blank_image(const std::filesystem::path& path, const ImageShape& shape) {
  constexpr std::size_t kMostPixels = std::size_t{1} << 28;
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  if (pixels > kMostPixels) {
    throw FormatError(path, "has " + std::to_string(shape.height) + "x" + std::to_string(shape.width) +
                                " pixels, more than the 2^28 accepted");
  }
  return {shape, std::vector<std::uint8_t>(pixels * static_cast<std::size_t>(shape.channels))};
}

ImageShape read_image_shape(const std::filesystem::path& path) { return dispatch(path, png_shape, jpeg_shape); }

Image read_image(const std::filesystem::path& path) { return dispatch(path, decode_png, decode_jpeg); }

}  // namespace glow::io
