#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ops/fold_network.h"

namespace glow::ops {

// A coupling network on the CPU, block of pixels by block: one thread carries a block through all layers, so that the
// block's hidden rows remain in the cache of its core.

/// Whether blocks compute networks of this shape for flow variables like z and hidden tensors of dtype `hidden`.
bool has_network_blocks(const NetworkShape& shape, const torch::Tensor& z, torch::Dtype hidden);

/// The results of a coupling network that its backward pass needs.
struct NetworkActivations {
  /// After their ReLUs. From run_network_blocks: factors of products over pixels (pixel_factors.h); else [N, width, H,
  /// W], channels_last.
  torch::Tensor hidden1, hidden2;
  /// [N, outputs, H, W], channels_last
  torch::Tensor h;
};

/// The network of the first half of z's channels; `net`: in kForwardBlocks. z: channels_last. `keep`: whether the
/// hidden tensors are returned. No graph.
NetworkActivations run_network_blocks(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                                      bool keep);

/// From dL/dh: adds dL/dz1 to `of_z1` and returns the gradient with respect to the folded network.
/// `net`: in kBackwardBlocks; z: as above. No graph.
FoldedNetGradient network_blocks_backward(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                                          const NetworkActivations& activations, const torch::Tensor& of_h,
                                          torch::Tensor of_z1);

}  // namespace glow::ops
