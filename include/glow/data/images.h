#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/order.h>
#include <glow/images/source.h>

#pragma GCC visibility push(default)

namespace glow::data {

/// How images of any size are brought to one size. Scaling uses an antialiased triangle filter and never enlarges.
struct Geometry {
  /// Height of the result in pixels; a multiple of 2^levels for a model.
  int height = 0;
  /// Width of the result in pixels; a multiple of 2^levels for a model.
  int width = 0;
  /// Scale the shorter side to this many pixels, then crop. 0: with random_crop, crop without scaling; else crop the
  /// centre to the aspect ratio of the result and scale it.
  int resize = 0;
  /// Training images are cropped at random; in evaluation the crop is central.
  bool random_crop = false;
  /// Training images are mirrored left-right with probability 1/2.
  bool flip = false;
  /// Training images are moved by up to a tenth of their height and width, in whole pixels; edge pixels are repeated.
  bool shift = false;

  /// Throws ConfigError naming the field (image_size: height and width): sizes below 1, resize below the size of the
  /// crop.
  void validate() const;
  /// The reason why images of this shape are too small, or an empty text: "64x64 is too large for an image of 32x48
  /// (height x width): images are never enlarged". Images on black (images::ImageSource::is_on_black) may be smaller.
  std::string size_problem(const io::ImageShape& shape, bool is_on_black = false) const;
};

/// Throws ConfigError naming image_size or resize and the images of all these sources (null: none) that are too small,
/// the first twenty of them. Of an array one image is checked; images of unknown shape are not.
void require_sizes(const std::vector<std::shared_ptr<const images::ImageSource>>& sources, const Geometry& geometry);

/// The images of a source, brought to one size by a geometry: uint8 tensors on the CPU. An image that has that size is
/// unchanged. The images of a batch are made on the threads of images::data_workers; the bytes do not depend on their
/// number. Batches are channels-last in memory.
class Images {
 public:
  /// Checks the shape of every image whose source knows it. An image that is smaller than the geometry is refused,
  /// except that images on black (images::ImageSource::is_on_black) without resize are centred and padded with black
  /// when neither side is too long.
  ///
  /// Throws as require_sizes.
  Images(std::shared_ptr<const images::ImageSource> source, const Geometry& geometry);

  /// Number of images.
  std::int64_t size() const { return source_->size(); }
  /// Channels of every image.
  int channels() const { return source_->channels(); }
  /// The geometry that brings the images to one size.
  const Geometry& geometry() const { return geometry_; }

  /// uint8 [N, C, H, W] without augmentation: a pure function of the indices.
  /// Throws ShapeError when an index is outside the source; IoError and FormatError for a file that cannot be read;
  /// ConfigError, as the constructor, for an image whose shape is known only now.
  torch::Tensor bytes(const std::vector<std::int64_t>& indices) const;
  /// uint8 [N, C, H, W] with the random crop, flip and shift of the geometry: each image is a pure function of (seed,
  /// epoch, index). Throws as `bytes`.
  torch::Tensor augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const;
  /// int64 [N], -1 where the source has no classes. Throws ShapeError when an index is outside the source.
  torch::Tensor labels(const std::vector<std::int64_t>& indices) const;
  /// The name of image `index` in error messages (images::ImageSource::name).
  std::string name(std::int64_t index) const;

 private:
  void check_index(std::int64_t index) const;
  /// uint8 [count, C, H, W], in which make(i, bytes) fills in image i, [H, W, C] in memory.
  torch::Tensor make_batch(std::int64_t count, const std::function<void(std::int64_t, std::uint8_t*)>& make) const;

  std::shared_ptr<const images::ImageSource> source_;
  Geometry geometry_;
};

/// Images in memory, uint8 [N, C, H, W] on any device, at their own size; labels int64 [N], or undefined for none:
///
///     evaluate::score(model, data::tensor_images(bytes, labels))
///
/// The result does not follow later changes of the tensors. Throws ShapeError for other shapes and dtypes.
Images tensor_images(const torch::Tensor& bytes, const torch::Tensor& labels = {});

}  // namespace glow::data

#pragma GCC visibility pop
