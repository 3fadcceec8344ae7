#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include <glow/io/image.h>

#include "io/orientation.h"

namespace glow::io {

/// What the header of an image says.
struct ImageHeader {
  /// The shape in which the image is stored.
  ImageShape shape;
  Orientation orientation = {};
  /// Whether it can be decoded at 1/2, 1/4 and 1/8 of its size.
  bool is_reducible = false;
};

/// Decodes one image held in memory, from one thread. Call read_header, then read_pixels at most once.
class ImageDecoder {
 public:
  virtual ~ImageDecoder() = default;

  /// Throws FormatError; if the bytes are the beginning of a file, also when they do not suffice.
  virtual ImageHeader read_header() = 0;
  /// Fills the pixels of an image of the shape in the header, its sides divided by `reduction` and rounded up.
  /// `reduction`: 1, and for a reducible image also 2, 4 or 8. Throws FormatError.
  virtual void read_pixels(Image& image, int reduction) = 0;
};

// Each decoder refers to `bytes` and to `name`, the name of the file in error messages. It does not check the file's
// signature.

std::unique_ptr<ImageDecoder> make_jpeg_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_png_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_webp_decoder(std::string_view bytes, const std::filesystem::path& name);

}  // namespace glow::io
