#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <glow/images/source.h>

namespace glow::images {

/// Images of one shape, consecutive in memory: [image, height, width, channel].
class ArraySource : public ImageSource {
 public:
  struct Content {
    io::ImageShape shape;
    /// The pixels of all images, and the owner of that memory.
    std::string_view bytes;
    std::shared_ptr<const void> owner;
    /// The class of each image, or empty.
    std::vector<std::uint8_t> labels;
    /// Name of the array in error messages.
    std::string name;
    bool is_on_black = false;
  };

  /// The size of `bytes` must be a multiple of that of an image.
  explicit ArraySource(Content content);

  std::int64_t size() const override { return size_; }
  int channels() const override { return content_.shape.channels; }
  std::optional<io::ImageShape> common_shape() const override { return content_.shape; }
  bool is_on_black() const override { return content_.is_on_black; }
  io::Image image(std::int64_t index) const override;
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;

 private:
  Content content_;
  std::int64_t image_bytes_;
  std::int64_t size_;
};

/// An ArraySource that owns its bytes.
std::shared_ptr<const ArraySource> make_array_source(const io::ImageShape& shape, std::string bytes,
                                                     std::vector<std::uint8_t> labels, std::string name,
                                                     bool is_on_black = false);

}  // namespace glow::images
