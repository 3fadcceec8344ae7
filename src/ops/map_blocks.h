#pragma once

#include <torch/types.h>

namespace glow::ops {

// The affine map of a flow step's channels, y = A x + b at every pixel, on the CPU, block of pixels by block
// (network_blocks.h). All tensors are float32, images channels_last. No graph.

/// matrix [O, C], bias [O]: x [N, C, H, W] -> [N, O, H, W].
torch::Tensor map_pixels(const torch::Tensor& x, const torch::Tensor& matrix, const torch::Tensor& bias);

struct MapGradients {
  /// dL/dx = A^T dL/dy, dL/dA = sum over pixels of dL/dy x^T, dL/db = sum over pixels of dL/dy.
  torch::Tensor x, matrix, bias;
};
MapGradients map_pixels_backward(const torch::Tensor& x, const torch::Tensor& matrix, const torch::Tensor& gradient);

}  // namespace glow::ops
