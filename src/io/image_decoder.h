#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include <glow/io/image.h>

namespace glow::io {

/// Decodes one image held in memory, from one thread. Call read_header, then read_pixels at most once.
class ImageDecoder {
 public:
  virtual ~ImageDecoder() = default;

  /// The shape of the image. Throws FormatError.
  virtual ImageShape read_header() = 0;
  /// The factor, 1, 2, 4 or 8, by which read_pixels can reduce the image of the shape that read_header returned while
  /// both sides divided by it are at least `least`. 1 for a format that can only be decoded in full.
  virtual int find_reduction(const ImageShape& /*whole*/, ImageSize /*least*/) const { return 1; }
  /// Fills the pixels of an image whose shape is the one that read_header returned, or its sides divided by a factor
  /// that find_reduction returned, rounded up. Throws FormatError.
  virtual void read_pixels(Image& image) = 0;
};

// Each decoder refers to `bytes` and to `name`, the name of the file in error messages. It does not check the file's
// signature.

std::unique_ptr<ImageDecoder> make_jpeg_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_png_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_webp_decoder(std::string_view bytes, const std::filesystem::path& name);

}  // namespace glow::io
