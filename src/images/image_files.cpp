#include "images/image_files.h"

#include <utility>

#include <glow/error.h>

#include "images/colour.h"
#include "images/encoded_image.h"

namespace glow::images {

ImageFiles::ImageFiles(EncodedImages images, std::vector<io::ImageShape> shapes, int channels,
                       std::vector<std::int32_t> labels)
    : images_(std::move(images)), shapes_(std::move(shapes)), channels_(channels), labels_(std::move(labels)) {}

std::optional<io::ImageShape> ImageFiles::shape(std::int64_t index) const {
  io::ImageShape shape = shapes_[index];
  check_colour(shape, index);
  shape.channels = channels_;
  return shape;
}

io::Image ImageFiles::reduced_image(std::int64_t index, int reduction) const {
  const io::ImageSize least{shapes_[index].height / reduction, shapes_[index].width / reduction};
  const std::string bytes = images_.read(index);
  io::Image image = decode(bytes, images_.path(index), least);
  check_colour(image.shape, index);
  return to_channels(std::move(image), channels_);
}

std::string ImageFiles::key(std::int64_t index) const {
  return std::string(images_.name(index)) + '\0' + std::to_string(images_.bytes(index));
}

void ImageFiles::check_colour(const io::ImageShape& shape, std::int64_t index) const {
  if (channels_ == 1 && !is_grey(shape))
    throw FormatError(images_.path(index), "expected a grey image (1 channel is required), has colour");
}

}  // namespace glow::images
