#pragma once

#include <torch/types.h>

namespace glow::ops {

/// [1, 1, H+2, W+2]: 1 on the outermost ring, 0 inside. What a zero-padded 3x3 convolution with edge bias sees as its
/// last input plane (Glow's published code, `add_edge_padding`).
torch::Tensor edge_plane(std::int64_t height, std::int64_t width, const torch::TensorOptions& options);

/// What the edge plane contributes to a 3x3 convolution, a map that depends on the weights and the size alone:
/// weight [O, 1, 3, 3] -> [1, O, H, W], nonzero on the outermost pixels only. Differentiable.
torch::Tensor edge_bias(const torch::Tensor& weight, std::int64_t height, std::int64_t width);

/// x padded with a ring of zeros and, with `with_edge_plane`, the edge plane as an extra last channel:
/// [N, C, H, W] -> [N, C (+ 1), H+2, W+2], channels_last. Differentiable.
torch::Tensor pad_with_edge(const torch::Tensor& x, bool with_edge_plane);

}  // namespace glow::ops
