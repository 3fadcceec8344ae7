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

}  // namespace

io::Image to_channels(io::Image image, int channels) {
  if (image.shape.channels == channels) return image;
  const int stored = image.shape.channels;
  const bool has_alpha = stored % 2 == 0;
  io::Image result{{image.shape.height, image.shape.width, channels}, {}};
  result.pixels.reserve(image.pixels.size() / stored * channels);
  for (std::size_t pixel = 0; pixel < image.pixels.size(); pixel += stored) {
    const int alpha = has_alpha ? image.pixels[pixel + stored - 1] : kOpaque;
    for (int channel = 0; channel < channels; ++channel)
      result.pixels.push_back(over_white(image.pixels[pixel + (is_grey(image.shape) ? 0 : channel)], alpha));
  }
  return result;
}

}  // namespace glow::images
