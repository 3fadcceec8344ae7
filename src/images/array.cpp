#include "images/array.h"

#include <utility>

namespace glow::images {

ArraySource::ArraySource(Content content)
    : content_(std::move(content)),
      image_bytes_(std::int64_t{content_.shape.height} * content_.shape.width * content_.shape.channels),
      size_(static_cast<std::int64_t>(content_.bytes.size()) / image_bytes_) {}

io::Image ArraySource::image(std::int64_t index) const {
  const auto* first = reinterpret_cast<const std::uint8_t*>(content_.bytes.data()) + index * image_bytes_;
  return {content_.shape, {first, first + image_bytes_}};
}

std::int64_t ArraySource::label(std::int64_t index) const {
  return content_.labels.empty() ? -1 : content_.labels[index];
}

std::string ArraySource::name(std::int64_t index) const {
  return "image " + std::to_string(index) + " of " + content_.name;
}

std::shared_ptr<const ArraySource> make_array_source(const io::ImageShape& shape, std::string bytes,
                                                     std::vector<std::uint8_t> labels, std::string name,
                                                     bool is_on_black) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  return std::make_shared<ArraySource>(
      ArraySource::Content{shape, *owner, owner, std::move(labels), std::move(name), is_on_black});
}

}  // namespace glow::images
