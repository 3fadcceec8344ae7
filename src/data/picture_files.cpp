#include "data/picture_files.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include <glow/io/file.h>

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

std::string PictureFiles::key(std::int64_t index) const {
  std::error_code error;
  const auto size = std::filesystem::file_size(path(index), error);
  if (error) throw io::cannot_read(path(index), error.value());
  return folder_.files[index] + '\0' + std::to_string(size);
}

std::string PictureFiles::content(std::int64_t index) const {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;
  return io::read_file(path(index), kMostBytes);
}

void PictureFiles::check_colour(const io::ImageShape& shape, std::int64_t index) const {
  if (channels_ == 1 && !is_grey(shape))
    throw FormatError(path(index), "expected a grey image (1 channel is wanted), has colour");
}

}  // namespace glow::data
