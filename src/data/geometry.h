#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include <glow/data/images.h>
#include <glow/io/image.h>

namespace glow::data {

/// The random choices for one picture, before they are reduced to the ranges that its size leaves.
struct Augmentation {
  std::uint64_t crop_top;
  std::uint64_t crop_left;
  std::uint64_t flip;
  std::uint64_t shift_down;
  std::uint64_t shift_right;
};

/// A pure function of (seed, epoch, index). Each choice has its own number, so one option does not change another.
Augmentation draw_augmentation(std::uint64_t seed, std::int64_t epoch, std::int64_t index);

/// Throws ConfigError, naming image_size or resize and the image, when an image of this shape cannot be brought to the
/// geometry.
void check_shape(const Geometry& geometry, const io::ImageShape& shape, bool may_pad, const std::string& name);

/// Brings `pixels`, uint8 [C, h, w] of a shape that passed check_shape, to uint8 [C, height, width].
/// Without an augmentation the crop is central and nothing is flipped or moved.
at::Tensor apply_geometry(const Geometry& geometry, const at::Tensor& pixels,
                          const std::optional<Augmentation>& augmentation);

}  // namespace glow::data
