#include "images/image_files.h"

#include <utility>

#include <glow/error.h>

#include "images/colour.h"
#include "images/encoded_image.h"

namespace glow::images {

ImageFiles::ImageFiles(EncodedImages images, std::vector<io::ImageShape> shapes, Colour colour,
                       std::vector<std::int32_t> labels, std::string way_out)
    : images_(std::move(images)),
      shapes_(std::move(shapes)),
      colour_(colour),
      labels_(std::move(labels)),
      way_out_(std::move(way_out)) {}

std::optional<io::ImageShape> ImageFiles::shape(std::int64_t index) const {
  io::ImageShape shape = shapes_[index];
  shape.channels = colour_.channels;
  return shape;
}

io::Image ImageFiles::decoded(std::int64_t index, int reduction) const {
  const io::ImageSize least{shapes_[index].height / reduction, shapes_[index].width / reduction};
  try {
    return decode(images_.read(index), images_.path(index), least);
  } catch (const FormatError& error) {
    if (way_out_.empty()) throw;
    throw FormatError(error.path(), std::string(error.text()) + " (" + way_out_ + ")");
  }
}

io::Image ImageFiles::reduced_image(std::int64_t index, int reduction) const {
  io::Image image = decoded(index, reduction);
  if (colour_.channels == 1 && !colour_.to_grey && !has_no_colour(image))
    throw FormatError(images_.path(index), kNotGrey);
  return to_channels(std::move(image), colour_.channels);
}

std::string ImageFiles::key(std::int64_t index) const {
  return std::string(images_.name(index)) + '\0' + std::to_string(images_.bytes(index));
}

}  // namespace glow::images
