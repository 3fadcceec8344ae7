#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/io/image.h>

namespace glow::data {

/// What is written beside the rows and above the columns of a grid: one text each, or none at all. ASCII; any other
/// character shows as a box.
struct GridLabels {
  std::vector<std::string> rows = {};
  std::vector<std::string> columns = {};
};

struct LabelledGridOptions {
  /// Images a row; 0: as square as it gets.
  std::int64_t columns = 0;
  GridLabels labels = {};
  /// Each pixel of an image becomes scale x scale of them, 1 to 64; the letters stay as they are.
  std::int64_t scale = 1;
};

/// Pictures as image_grid has them, evenly spaced on white, with labels in black letters of 5x7 pixels. Without labels
/// and at scale 1 it is image_grid. Throws ShapeError as that does, ConfigError naming the field for a scale out of
/// range or labels that are not as many as the rows or columns, and for a picture of more than 2^28 pixels or with a
/// side of more than 1,000,000, which no PNG file has.
io::Image labelled_grid(const torch::Tensor& bytes, const LabelledGridOptions& options);

}  // namespace glow::data
