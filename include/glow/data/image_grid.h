#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/io/image.h>

#pragma GCC visibility push(default)

namespace glow::data {

/// One image, uint8 [C, H, W] with C = 1..4. Throws ShapeError for other shapes.
io::Image to_image(const torch::Tensor& bytes);

/// Texts to the left of the rows and above the columns of a grid: one for each, or none. ASCII; any other character is
/// drawn as a box.
struct GridLabels {
  /// The text of each row, from the top.
  std::vector<std::string> rows = {};
  /// The text of each column, from the left.
  std::vector<std::string> columns = {};
};

/// How labelled_grid arranges the images.
struct LabelledGridOptions {
  /// Images in a row; 0: as square as the number of images allows.
  std::int64_t columns = 0;
  /// Texts of the rows and columns.
  GridLabels labels = {};
  /// Each pixel of an image becomes scale x scale pixels, 1 to 64. Does not apply to the labels.
  std::int64_t scale = 1;
};

/// Images side by side, row by row, evenly spaced on white, with labels in black letters of 5x7 pixels: uint8
/// [N, C, H, W] with N > 0 and C = 1 or 3 -> one image. Without labels the images are 2 pixels apart. Throws ShapeError
/// for other shapes; ConfigError naming the field when the scale is out of range or the number of labels is not that of
/// the rows or columns, and for a grid of more than 2^28 pixels or a side of more than 1,000,000, which PNG does not
/// allow.
io::Image labelled_grid(const torch::Tensor& bytes, const LabelledGridOptions& options);

/// labelled_grid without labels and at scale 1.
io::Image image_grid(const torch::Tensor& bytes, std::int64_t columns = 0);

}  // namespace glow::data

#pragma GCC visibility pop
