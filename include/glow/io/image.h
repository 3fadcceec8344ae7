#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::io {

/// Height, width and channels of an image; channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
struct ImageShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  bool operator==(const ImageShape&) const = default;
};

/// An image in memory, 8 bits per sample, values as stored in the file (sRGB by convention; neither colour
/// profiles nor an EXIF orientation are applied).
struct Image {
  ImageShape shape;
  /// [height, width, channels], row by row.
  std::vector<std::uint8_t> pixels;
};

/// The shape of the image that read_image would return, from the header of a PNG or JPEG file alone.
/// Throws IoError, FormatError naming the file.
ImageShape read_image_shape(const std::filesystem::path& path);

/// Decodes a PNG or JPEG file, recognised by its content, not its name. Palettes and transparent colours are expanded,
/// 16-bit samples rounded to 8 bits. Throws IoError, and FormatError naming the file for any decoder warning (truncated
/// data, a bad checksum), for CMYK, and for more than 2^28 pixels.
Image read_image(const std::filesystem::path& path);

/// The bytes of a PNG file of `image`. Throws FormatError when the number of bytes does not fit the shape, or when PNG
/// cannot store the shape (no pixels, five channels).
std::string encode_png(const Image& image);

/// Writes a PNG file atomically. Throws IoError, and FormatError like encode_png.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace glow::io
