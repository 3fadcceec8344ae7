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
  /// Fills the pixels of an image of the shape that read_header returned. Throws FormatError.
  virtual void read_pixels(Image& image) = 0;
};

// Each decoder refers to `bytes` and to `name`, the name of the file in error messages. It does not check the file's
// signature.

std::unique_ptr<ImageDecoder> make_jpeg_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_png_decoder(std::string_view bytes, const std::filesystem::path& name);
std::unique_ptr<ImageDecoder> make_webp_decoder(std::string_view bytes, const std::filesystem::path& name);

}  // namespace glow::io
