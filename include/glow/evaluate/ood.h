#pragma once

#include <cstdint>

#include <torch/types.h>

namespace glow::evaluate {

/// What each image takes as a PNG file, after it was reduced to `bits` a sample: bits/dim, float64 [N]. `bytes` is
/// uint8 [N, C, H, W]; channels beyond a picture's four are put one below the other. The file's frame counts, the same
/// for all images of a size. Throws ShapeError, and ConfigError unless bits is 1..8.
torch::Tensor png_bits_per_dim(const torch::Tensor& bytes, std::int64_t bits);

/// Area under the receiver operating characteristic, and its standard error (DeLong et al. 1988), NaN with less than
/// two scores on either side.
struct Auroc {
  double value = 0;
  double standard_error = 0;
};

/// How well a score tells two sets of images apart: the probability that one of `outside`, [M], has a larger score than
/// one of `inside`, [N], equal ones counting half. Exact, from ranks. Throws ShapeError unless both are vectors and not
/// empty, NumericalError when a score is NaN.
Auroc auroc(const torch::Tensor& inside, const torch::Tensor& outside);

}  // namespace glow::evaluate
