#pragma once

#include <torch/types.h>

namespace glow::ops::cuda {

struct InverseAndLogDet {
  /// [K, C, C]
  torch::Tensor inverse;
  /// [K], log|det| of the matrices.
  torch::Tensor log_abs_det;
};

/// Of matrices [K, C, C] in float64, on their device and without waiting for it, which LibTorch's would. For a singular
/// matrix neither is finite.
InverseAndLogDet invert(const torch::Tensor& matrices);

}  // namespace glow::ops::cuda
