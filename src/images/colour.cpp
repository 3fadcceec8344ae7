#include "images/colour.h"

#include <cstddef>
#include <cstdint>

namespace glow::images {
namespace {

constexpr int kOpaque = 255;

/// value alpha/255 + 255 (1 - alpha/255), rounded.
std::uint8_t over_white(int value, int alpha) {
  const int sum = value * alpha + 255 * (kOpaque - alpha);
  return static_cast<std::uint8_t>((sum + kOpaque / 2) / kOpaque);
}

/// Grey of a colour: in 16-bit fixed point, as Pillow computes it. The weights add up to 1, so that grey is unchanged.
std::uint8_t luma(int red, int green, int blue) {
  constexpr int kRed = 19595, kGreen = 38470, kBlue = 7471, kHalf = 1 << 15;
  static_assert(kRed + kGreen + kBlue == 1 << 16);
  return static_cast<std::uint8_t>((red * kRed + green * kGreen + blue * kBlue + kHalf) >> 16);
}

}  // namespace

bool has_no_colour(const io::Image& image) {
  if (is_grey(image.shape)) return true;
  const bool has_alpha = image.shape.channels == 4;
  const std::uint8_t* end = image.pixels.data() + image.pixels.size();
  for (const std::uint8_t* pixel = image.pixels.data(); pixel != end; pixel += image.shape.channels) {
    const bool is_transparent = has_alpha && pixel[3] == 0;
    if (!is_transparent && (pixel[0] != pixel[1] || pixel[1] != pixel[2])) return false;
  }
  return true;
}

io::Image to_channels(io::Image image, int channels) {
  if (image.shape.channels == channels) return image;
  const int stored = image.shape.channels;
  const bool has_alpha = stored % 2 == 0, grey = is_grey(image.shape);
  io::Image result{{image.shape.height, image.shape.width, channels}, {}};
  result.pixels.reserve(image.pixels.size() / stored * channels);
  for (std::size_t first = 0; first < image.pixels.size(); first += stored) {
    const std::uint8_t* pixel = image.pixels.data() + first;
    const auto value = [&](int channel) {
      return over_white(pixel[grey ? 0 : channel], has_alpha ? pixel[stored - 1] : kOpaque);
    };
    if (channels == 1)
      result.pixels.push_back(grey ? value(0) : luma(value(0), value(1), value(2)));
    else
      result.pixels.insert(result.pixels.end(), {value(0), value(1), value(2)});
  }
  return result;
}

}  // namespace glow::images
