#pragma once

#include <cmath>
#include <sstream>
#include <string>

#include <ATen/ATen.h>

#include <glow/error.h>

namespace glow::nn {

/// Throws ConfigError unless the values of all images, floating-point, are in [-1/2, 1/2]. The upper edge is included,
/// and both by a slack far below the width of a bin (2^-8 or more): bytes / 255 - 1/2 and arithmetic on images in
/// float32 or half precision round across it. A model gives any point a density, so images in [0, 1] or in [-1, 1]
/// would get wrong ones without a word.
inline void require_image_range(const torch::Tensor& images) {
  constexpr double kSlack = 1e-4;
  const auto [least, greatest] = at::aminmax(images);
  const auto low = least.item<double>(), high = greatest.item<double>();
  if (low >= -0.5 - kSlack && high <= 0.5 + kSlack) return;
  std::ostringstream seen;
  seen << low << " to " << high;
  throw ConfigError("images",
                    "expected values in [-1/2, 1/2), got " +
                        (std::isnan(low) || std::isnan(high) ? std::string("NaN") : seen.str()) +
                        "; bits_per_dim(bytes, draw) and Quantizer::dequantize take bytes (uint8); for images "
                        "in [0, 1] subtract 1/2; evaluate() takes any values");
}

}  // namespace glow::nn
