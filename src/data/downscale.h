#pragma once

#include <cstdint>
#include <vector>

namespace glow::data {

struct Size {
  std::int64_t height;
  std::int64_t width;
  bool operator==(const Size&) const = default;
};

/// Pixels in the memory of an image: [height, width, channels], whose rows begin `row_bytes` bytes apart.
struct PixelView {
  const std::uint8_t* first;
  Size size;
  std::int64_t channels;
  std::int64_t row_bytes;
};

/// The sides that are scaled to a size: those of the view, but for parts of pixels of a reduced image, whose last row
/// and column may reach beyond its edge.
struct ScaledSides {
  double height;
  double width;
};

/// Antialiased bilinear scaling, a triangle filter as wide as the scale: without negative lobes, so without ringing.
/// [height, width, channels] of `size`, which is not larger than the view. The same as LibTorch's
/// at::_upsample_bilinear2d_aa, rounded half to even; where that is within float32's rounding of a half, it may be
/// rounded to the other side. Compiled for the instructions that all x86-64 processors have, so that the result is the
/// same on all of them.
std::vector<std::uint8_t> downscale(const PixelView& pixels, const Size& size, const ScaledSides& sides);

}  // namespace glow::data
