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

/// Checks that the beginning of an image file that was read has the shape of the whole, or is refused.
inline void check_beginning(std::string_view bytes, const io::ImageShape& shape) {
  // A copy of its own, so that the address sanitizer finds reads beyond its end.
  const std::string beginning(bytes.substr(0, bytes.size() / 2));
  read_or_refuse([&] {
    require(io::decode_image_shape(beginning, "beginning") == shape,
            "the beginning of a file has the shape of the whole");
  });
}

inline void check_reduced(const io::ReducedImage& reduced, const io::ImageShape& whole, io::ImageSize least) noexcept {
  const int by = reduced.reduction;
  require(by == 1 || by == 2 || by == 4 || by == 8, "a reduction is 1, 2, 4 or 8");
  const io::ImageShape shape = {(whole.height + by - 1) / by, (whole.width + by - 1) / by, whole.channels};
  require(reduced.image.shape == shape, "a reduced image has the sides of the whole, divided and rounded up");
  require(by == 1 || (shape.height >= least.height && shape.width >= least.width), "a reduced image is large enough");
  require(reduced.image.pixels.size() == element_count({shape.height, shape.width, shape.channels}),
          "a reduced image has the bytes of its shape");
}

/// Reads the input as an image file.
inline void fuzz_image(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = input_file(data, size);
  read_or_refuse([&] {
    const io::ImageShape shape = io::read_image_shape(path);
    // The library accepts up to 2^28 pixels, which exceed the memory limit of the fuzzers.
    constexpr std::uint64_t kMostPixels = 1 << 16;
    if (element_count({shape.height, shape.width}) > kMostPixels) return;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const io::ImageSize least : {io::ImageSize{1, 1}, io::ImageSize{8, 8}}) {
      check_reduced(io::decode_reduced_image(bytes, path, least), shape, least);
    }
    check_image(io::read_image(path), shape);
    check_beginning(bytes, shape);
  });
}

}  // namespace glow::fuzzing
