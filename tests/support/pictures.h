#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <glow/images/source.h>
#include <glow/io/image.h>

namespace glow::testing {

/// An image without symmetry, a pure function of the arguments.
inline io::Image make_picture(int height, int width, int channels, std::uint32_t seed = 1) {
  io::Image image{{height, width, channels}, {}};
  image.pixels.resize(static_cast<std::size_t>(height) * width * channels);
  for (std::uint8_t& value : image.pixels) {
    seed = seed * 1664525 + 1013904223;
    value = static_cast<std::uint8_t>(seed >> 24);
  }
  return image;
}

/// Writes an image as a PNG file; creates missing parent folders.
inline void put_picture(const std::filesystem::path& path, const io::Image& picture) {
  std::filesystem::create_directories(path.parent_path());
  io::write_png(path, picture);
}

/// Images of different sizes in memory, like those of a folder. The label of image i is i.
class PictureSource : public images::ImageSource {
 public:
  explicit PictureSource(std::vector<io::Image> pictures) : pictures_(std::move(pictures)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(pictures_.size()); }
  int channels() const override { return pictures_.at(0).shape.channels; }
  std::optional<io::ImageShape> shape(std::int64_t index) const override { return pictures_.at(index).shape; }
  io::Image image(std::int64_t index) const override { return pictures_.at(index); }
  std::int64_t label(std::int64_t index) const override { return index; }
  std::string name(std::int64_t index) const override { return "picture-" + std::to_string(index); }

 private:
  std::vector<io::Image> pictures_;
};

}  // namespace glow::testing
