#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <glow/data/source.h>

namespace glow::data {

/// Pictures of one shape that stand one behind the other in memory, in [height, width, channels] order.
class ArraySource : public ImageSource {
 public:
  struct Content {
    io::ImageShape shape;
    /// The pixels of all images, and what keeps them alive.
    std::string_view bytes;
    std::shared_ptr<const void> owner;
    /// One class an image, or empty.
    std::vector<std::uint8_t> labels;
    /// What messages call the whole array.
    std::string name;
    bool is_on_black = false;
  };

  /// Expects `bytes` to hold a whole number of images.
  explicit ArraySource(Content content);

  std::int64_t size() const override { return size_; }
  int channels() const override { return content_.shape.channels; }
  std::optional<io::ImageShape> common_shape() const override { return content_.shape; }
  bool is_on_black() const override { return content_.is_on_black; }
  io::ImageShape shape(std::int64_t) const override { return content_.shape; }
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

}  // namespace glow::data
