#include <glow/images/memory_images.h>

#include <utility>

#include <glow/error.h>

#include "images/colour.h"
#include "images/encoded_image.h"

namespace glow::images {
namespace {

class EncodedFiles : public ImageSource {
 public:
  EncodedFiles(std::vector<EncodedFile> files, int channels) : files_(std::move(files)), channels_(channels) {
    if (channels != 1 && channels != 3)
      throw ConfigError("channels", "expected 1 or 3, got " + std::to_string(channels));
    for (const auto& file : files_) shapes_.push_back(encoded_shape(file.bytes, file.bytes.size(), file.name));
  }

  std::int64_t size() const override { return std::ssize(files_); }
  int channels() const override { return channels_; }
  std::optional<io::ImageShape> shape(std::int64_t index) const override {
    auto shape = shapes_[index];
    shape.channels = channels_;
    return shape;
  }
  io::Image image(std::int64_t index) const override { return reduced_image(index, 1); }
  io::Image reduced_image(std::int64_t index, int reduction) const override {
    const auto& [name, bytes] = files_[index];
    const io::ImageSize least{shapes_[index].height / reduction, shapes_[index].width / reduction};
    return to_channels(decode(bytes, name, least), channels_);
  }
  std::int64_t label(std::int64_t) const override { return -1; }
  std::string name(std::int64_t index) const override { return files_[index].name; }
  std::string content(std::int64_t index) const override { return files_[index].bytes; }

 private:
  std::vector<EncodedFile> files_;
  std::vector<io::ImageShape> shapes_;
  int channels_;
};

}  // namespace

std::shared_ptr<const ImageSource> memory_images(std::vector<EncodedFile> files, int channels) {
  return std::make_shared<EncodedFiles>(std::move(files), channels);
}

}  // namespace glow::images
