#include "images/encoded_image.h"

#include <cstddef>
#include <vector>

#include <glow/error.h>

#include "images/array_shape.h"
#include "io/file_kind.h"
#include "io/npy_header.h"

namespace glow::images {
namespace {

struct NpyImage {
  io::ImageShape shape;
  /// Whether the array is [C, H, W].
  bool is_planar = false;
  /// Bytes before the array.
  std::size_t header = 0;
};

NpyImage parse_npy(std::string_view start, std::uint64_t size, const std::filesystem::path& name) {
  const io::NpyHeader header = io::read_npy_header(name, start, size);
  std::vector<std::int64_t> axes = header.shape;
  if (axes.size() == 4 && axes[0] == 1) axes.erase(axes.begin());
  if (axes.size() == 2) axes.push_back(1);
  const auto is_channels = [](std::int64_t axis) { return axis == 1 || axis == 3; };
  const bool is_planar = axes.size() == 3 && !is_channels(axes[2]) && is_channels(axes[0]);
  if (is_planar) axes = {axes[1], axes[2], axes[0]};
  constexpr std::int64_t kLongest = 1 << 28;
  const bool is_image = axes.size() == 3 && is_channels(axes[2]) && axes[0] >= 1 && axes[1] >= 1 &&
                        axes[0] <= kLongest && axes[1] <= kLongest;
  if (header.dtype != "|u1" || !is_image)
    throw other_array(name, "an image, \"|u1\" (uint8) [H, W], [H, W, C] or [C, H, W] with C = 1 or 3",
                      ArrayAxes::kImage, header.dtype, header.shape);
  return {{static_cast<int>(axes[0]), static_cast<int>(axes[1]), static_cast<int>(axes[2])},
          is_planar,
          static_cast<std::size_t>(header.size)};
}

io::Image decode_npy(std::string_view bytes, const std::filesystem::path& name) {
  const auto [shape, is_planar, header] = parse_npy(bytes, bytes.size(), name);
  const std::string_view array = bytes.substr(header);
  io::Image image{shape, {array.begin(), array.end()}};
  if (!is_planar) return image;
  const std::size_t plane = array.size() / static_cast<std::size_t>(shape.channels);
  std::size_t next = 0;
  for (std::size_t pixel = 0; pixel < plane; ++pixel) {
    for (int channel = 0; channel < shape.channels; ++channel)
      image.pixels[next++] = static_cast<std::uint8_t>(array[channel * plane + pixel]);
  }
  return image;
}

}  // namespace

io::ImageShape encoded_shape(std::string_view start, std::uint64_t size, const std::filesystem::path& name) {
  return io::begins_as_npy(start) ? parse_npy(start, size, name).shape : io::decode_image_shape(start, name);
}

io::Image decode(std::string_view bytes, const std::filesystem::path& name, io::ImageSize least) {
  return io::begins_as_npy(bytes) ? decode_npy(bytes, name) : io::decode_reduced_image(bytes, name, least).image;
}

}  // namespace glow::images
