#include "data/picture_files.h"

#include <algorithm>
#include <utility>

#include "data/colour.h"
#include "io/errors.h"

namespace glow::data {

int find_channels(const Folder& folder) {
  const auto has_colour = [&](const std::string& file) { return !is_grey(io::read_image_shape(folder.root / file)); };
  return std::ranges::any_of(folder.files, has_colour) ? 3 : 1;
}

PictureFiles::PictureFiles(Folder folder, int channels, std::vector<std::int64_t> labels)
    : folder_(std::move(folder)), channels_(channels), labels_(std::move(labels)) {}

io::ImageShape PictureFiles::shape(std::int64_t index) const {
  io::ImageShape shape = io::read_image_shape(path(index));
  check_colour(shape, index);
  shape.channels = channels_;
  return shape;
}

io::Image PictureFiles::image(std::int64_t index) const {
  io::Image image = io::read_image(path(index));
  check_colour(image.shape, index);
  return to_channels(std::move(image), channels_);
}

void PictureFiles::check_colour(const io::ImageShape& shape, std::int64_t index) const {
  if (channels_ == 1 && !is_grey(shape))
    throw io::format_error(path(index), "expected a grey image (1 channel is wanted), has colour");
}

}  // namespace glow::data
