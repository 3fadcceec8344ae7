#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/order.h>
#include <glow/data/source.h>

namespace glow::data {

/// How pictures of any size become images of one size. Scaling uses an antialiased triangle filter, never enlarges.
struct Geometry {
  /// Height of the result in pixels; a multiple of 2^levels for a model.
  int height = 0;
  /// Width of the result in pixels; a multiple of 2^levels for a model.
  int width = 0;
  /// Scale the shorter side to this many pixels, then crop. 0: crop from the picture as it is with
  /// random_crop, else crop the centre to the aspect ratio of the result and scale it to the result.
  int resize = 0;
  /// Training images are random crops; evaluation takes the centre.
  bool random_crop = false;
  /// Training images are mirrored left-right with probability 1/2.
  bool flip = false;
  /// Training images are moved by up to a tenth of their height and width, in whole pixels; edge pixels are repeated.
  bool shift = false;

  /// Throws ConfigError naming the field (image_size: height and width): sizes below 1, resize below the size of the
  /// crop.
  void validate() const;
};

/// A source seen through a geometry: uint8 images of one size, as tensors on the CPU. An image that has the
/// size already is passed on bit for bit.
class Images {
 public:
  /// Checks the header of every image. Pictures that are smaller than the geometry asks for are refused, but where the
  /// source lies on black, no resize is asked for and neither side is too long, they are padded with black, centred.
  ///
  /// Throws ConfigError naming image_size or resize, the first image that is too small and both sizes; IoError,
  /// FormatError as the files deserve.
  Images(std::shared_ptr<const ImageSource> source, const Geometry& geometry);

  std::int64_t size() const { return source_->size(); }
  int channels() const { return source_->channels(); }
  const Geometry& geometry() const { return geometry_; }

  /// uint8 [N, C, H, W] without augmentation: a pure function of the indices.
  /// Throws ShapeError when an index is outside the source; IoError, FormatError as the files deserve.
  torch::Tensor bytes(const std::vector<std::int64_t>& indices) const;
  /// uint8 [N, C, H, W] with random crop, flip and shift as the geometry says: each image is a pure function
  /// of (seed, epoch, index). Throws as `bytes`.
  torch::Tensor augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const;
  /// int64 [N], -1 where the source has no classes. Throws ShapeError when an index is outside the source.
  torch::Tensor labels(const std::vector<std::int64_t>& indices) const;
  /// What messages call image `index` (ImageSource::name).
  std::string name(std::int64_t index) const;

 private:
  void check_index(std::int64_t index) const;
  /// uint8 [C, h, w]: the picture before the geometry.
  torch::Tensor pixels(std::int64_t index) const;
  /// uint8 [count, C, H, W], not filled.
  torch::Tensor empty_batch(std::size_t count) const;

  std::shared_ptr<const ImageSource> source_;
  Geometry geometry_;
};

}  // namespace glow::data
