#pragma once

#include <torch/types.h>

namespace glow::ops {

/// The per-pixel affine map y = weight * x + bias on the channels. ActNorm, every permutation and whatever they compose
/// to are of this kind, so that a flow step touches its input once.
struct ChannelMap {
  /// [C, C]
  torch::Tensor weight;
  /// [C]
  torch::Tensor bias;
  /// Scalar: log|det weight| in nats, for one pixel.
  torch::Tensor log_abs_det;
};

/// The inverse map, computed in float64 and returned in the dtype of `map`, or those of a stack of maps, whose tensors
/// have an axis [K] in front. Throws NumericalError when a weight is singular or not finite.
ChannelMap invert(const ChannelMap& map);

/// y of the map at every pixel: [N, C, H, W] -> [N, C, H, W], one 1x1 convolution. Differentiable.
torch::Tensor apply(const ChannelMap& map, const torch::Tensor& x);

/// log|det weight| of a square matrix, or of each of a stack [K, C, C], by elimination in float64 (never det or
/// logdet, whose determinants overflow): a scalar, or [K], of the weight's dtype. Differentiable.
torch::Tensor log_abs_det(const torch::Tensor& weight);

}  // namespace glow::ops
