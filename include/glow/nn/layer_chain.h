#pragma once

#include <vector>

#include <glow/nn/coupling_layer.h>
#include <glow/nn/flow_chain.h>

namespace glow::nn {

/// What a chain of coupling layers gives.
struct LayerChainResult {
  torch::Tensor y;
  /// log|det dy/dx|, nats [N].
  torch::Tensor log_det;
  /// LayerResult::moments of every layer; empty for steps that are none.
  std::vector<ChannelMoments> moments;
};

/// Coupling layers one after the other, as apply_steps of flow steps: x [N, C, H, W] -> y [N, C, H, W]. With a graph or
/// without, in the precision that the layers have.
LayerChainResult apply_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& x);

/// The same as part of a graph. With kStore it is that of the layers' operations; else one node that is differentiable
/// once and makes the layers' graphs again, one at a time, when it is their turn.
LayerChainResult apply_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& x,
                              const ChainOptions& options);

/// x from y. Differentiable.
torch::Tensor invert_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& y);

}  // namespace glow::nn
