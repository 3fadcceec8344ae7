#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

namespace glow::evaluate {

struct HistogramSeries {
  /// For the legend.
  std::string name;
  /// [N] numbers; those that are not finite are left out, which the legend says.
  torch::Tensor numbers;
};

struct HistogramOptions {
  std::string title = {};
  /// What the numbers are, below the axis.
  std::string axis = {};
  /// How many bins the axis is divided into.
  std::int64_t bins = 80;
};

/// An SVG picture of histograms over each other on one axis: what share of its own series lies in each bin. Outliers,
/// further from the middle 99.8 % of their series than these are wide, do not stretch the axis: the legend says how
/// many lie left and right of it. Of a text, control characters show as question marks, what is not UTF-8 as U+FFFD.
/// Throws ConfigError when bins is below 1, or there is no series.
std::string histogram_svg(const std::vector<HistogramSeries>& series, const HistogramOptions& options);

}  // namespace glow::evaluate
