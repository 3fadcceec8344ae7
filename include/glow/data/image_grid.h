#pragma once

#include <cstdint>

#include <torch/types.h>

#include <glow/io/image.h>

namespace glow::data {

/// Pictures side by side, row by row: uint8 [N, C, H, W] with C = 1 or 3 -> one picture, 2 pixels apart on white.
/// `columns` 0: as square as N allows. Throws ShapeError for other shapes.
io::Image image_grid(const torch::Tensor& bytes, std::int64_t columns = 0);

/// One image, uint8 [C, H, W] with C = 1..4, as a picture.
io::Image to_image(const torch::Tensor& bytes);

}  // namespace glow::data
