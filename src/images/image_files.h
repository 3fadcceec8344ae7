#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"

namespace glow::images {

/// Encoded images of any size, which are decoded on request.
class ImageFiles : public ImageSource {
 public:
  /// The channels of the images.
  struct Colour {
    /// 1 or 3. Alpha is composited onto white, grey is repeated.
    int channels = 3;
    /// With one channel: whether images in colour are converted. Otherwise they are refused.
    bool to_grey = false;
  };

  /// `shapes`: of each image. `labels`: one for each image, or empty. `way_out`: what helps against an image whose
  /// damage is found while it is decoded, as an end of its error; may be empty.
  ImageFiles(EncodedImages images, std::vector<io::ImageShape> shapes, Colour colour, std::vector<std::int32_t> labels,
             std::string way_out);

  std::int64_t size() const override { return images_.size(); }
  int channels() const override { return colour_.channels; }
  std::optional<io::ImageShape> shape(std::int64_t index) const override;
  io::Image image(std::int64_t index) const override { return reduced_image(index, 1); }
  io::Image reduced_image(std::int64_t index, int reduction) const override;
  std::int64_t label(std::int64_t index) const override { return labels_.empty() ? -1 : labels_[index]; }
  std::string name(std::int64_t index) const override { return images_.path(index).string(); }
  std::string key(std::int64_t index) const override;
  std::string content(std::int64_t index) const override { return images_.read(index); }

 private:
  io::Image decoded(std::int64_t index, int reduction) const;

  EncodedImages images_;
  std::vector<io::ImageShape> shapes_;
  Colour colour_;
  std::vector<std::int32_t> labels_;
  std::string way_out_;
};

}  // namespace glow::images
