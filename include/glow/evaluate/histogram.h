#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#pragma GCC visibility push(default)

namespace glow::evaluate {

/// The numbers that one histogram shows.
struct HistogramSeries {
  /// Name in the legend.
  std::string name;
  /// [N] numbers. Those that are not finite are not drawn, and the legend gives their count.
  torch::Tensor numbers;
};

/// Texts and resolution of histogram_svg.
struct HistogramOptions {
  /// Text above the picture; empty: none.
  std::string title = {};
  /// Label of the horizontal axis.
  std::string axis = {};
  /// Number of bins of the axis.
  std::int64_t bins = 80;
};

/// An SVG picture of overlaid histograms with a common axis: the share of each series in each bin. The axis excludes
/// outliers, numbers further from the central 99.8 % of their series than the width of that range; the legend gives
/// their counts on both sides. In texts, control characters are replaced by question marks and invalid UTF-8 by U+FFFD.
/// Throws ConfigError when bins is below 1 or there is no series.
std::string histogram_svg(const std::vector<HistogramSeries>& series, const HistogramOptions& options);

}  // namespace glow::evaluate

#pragma GCC visibility pop
