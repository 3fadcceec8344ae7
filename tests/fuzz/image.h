#pragma once

#include <glow/io/image.h>

#include "fuzz/support.h"

namespace glow::fuzzing {

inline void check_image(const io::Image& image, const io::ImageShape& shape) noexcept {
  require(image.shape == shape, "the shape is that of the header");
  require(image.pixels.size() == element_count({shape.height, shape.width, shape.channels}),
          "an image has the bytes of its shape");
  const std::filesystem::path path = file_path("rewritten");
  io::write_png(path, image);
  const io::Image again = io::read_image(path);
  require(again.shape == shape && again.pixels == image.pixels, "an image is the same after writing and reading");
}

/// Reads the input as an image file.
inline void fuzz_image(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = input_file(data, size);
  read_or_refuse([&] {
    const io::ImageShape shape = io::read_image_shape(path);
    // The library accepts up to 2^28 pixels, which exceed the memory limit of the fuzzers.
    constexpr std::uint64_t kMostPixels = 1 << 16;
    if (element_count({shape.height, shape.width}) <= kMostPixels) check_image(io::read_image(path), shape);
  });
}

}  // namespace glow::fuzzing
