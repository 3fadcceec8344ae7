#pragma once

#include <torch/types.h>

namespace glow::ops {

/// The affine map y[n, :, h, w] = W x[n, :, h, w] + b of the channels of every pixel. ActNorm and every permutation are
/// maps of this form, and so is their composition: a flow step applies it in one pass over its input.
struct ChannelMap {
  /// [C, C]
  torch::Tensor weight;
  /// [C]
  torch::Tensor bias;
  /// Scalar: log|det weight| in nats, for one pixel.
  torch::Tensor log_abs_det;
};

/// The inverse map, W^-1 and -W^-1 b, computed in float64 and returned in the dtype of `map`; for a stack of maps,
/// whose tensors have a first axis [K], the inverse of each. Throws NumericalError when a weight is singular or not
/// finite.
ChannelMap invert(const ChannelMap& map);

/// y of the map at every pixel: [N, C, H, W] -> [N, C, H, W], one 1x1 convolution. Differentiable.
torch::Tensor apply(const ChannelMap& map, const torch::Tensor& x);

/// log|det W| of a square matrix, or of each of a stack [K, C, C]: a scalar, or [K], of the weight's dtype. Computed by
/// elimination in float64, because the determinant itself can overflow. Differentiable.
torch::Tensor log_abs_det(const torch::Tensor& weight);

}  // namespace glow::ops
