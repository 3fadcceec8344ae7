#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::io {

/// Height, width and channels of a picture; channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
struct ImageShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  bool operator==(const ImageShape&) const = default;
};

/// A picture in memory, 8 bits a sample, values as stored in the file (sRGB by convention; neither colour
/// profiles nor an EXIF orientation are applied).
struct Image {
  ImageShape shape;
  /// [height, width, channels], row by row.
  std::vector<std::uint8_t> pixels;
};

/// The shape of the image that read_image would return, from the header of a PNG or JPEG file alone.
/// Throws IoError, FormatError naming the file.
ImageShape read_image_shape(const std::filesystem::path& path);

/// Decodes a PNG or JPEG file (told apart by content, not by name). Palettes and transparent colours are
/// expanded, 16-bit samples rounded to 8. Refused with a FormatError naming the file: what a decoder only
/// warns of (truncated data, a bad checksum), CMYK, more than 2^28 pixels. Throws IoError.
Image read_image(const std::filesystem::path& path);

/// The bytes of a PNG file that holds `image`. Throws FormatError when pixels and shape do not agree or have
/// no place in the format (no pixels, five channels).
std::string encode_png(const Image& image);

/// Writes a PNG file atomically. Throws IoError, and FormatError like encode_png.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace glow::io
