#pragma once

#include <cstdint>

#include <torch/types.h>

#pragma GCC visibility push(default)

namespace glow::evaluate {

/// The size of each image as a PNG file, after reduction to `bits` per sample: bits/dim, float64 [N]. `bytes` is uint8
/// [N, C, H, W]; more than four channels are stored as grey images one below the other. Includes the overhead of the
/// file, which is the same for all images of a size. Throws ShapeError, and ConfigError unless bits is 1..8.
torch::Tensor png_bits_per_dim(const torch::Tensor& bytes, std::int64_t bits);

/// Area under the receiver operating characteristic, and its standard error (DeLong et al. 1988), NaN with fewer than
/// two scores on one side.
struct Auroc {
  /// The area, 0 to 1; 1/2 when the score does not separate the sets.
  double value = 0;
  /// Its standard error.
  double standard_error = 0;
};

/// How well a score separates two sets of images: the probability that an image of `outside`, [M], has a larger score
/// than one of `inside`, [N], equal scores counting half. Exact, from ranks. Throws ShapeError unless both are vectors
/// and not empty, NumericalError when a score is NaN.
Auroc auroc(const torch::Tensor& inside, const torch::Tensor& outside);

}  // namespace glow::evaluate

#pragma GCC visibility pop
