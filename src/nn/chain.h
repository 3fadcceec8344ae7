#pragma once

#include <vector>

#include <glow/nn/compute.h>

#include "nn/layer.h"

namespace glow::nn {

/// How layers are applied with a graph.
struct ChainOptions {
  MemoryPolicy memory = MemoryPolicy::kStore;
  HiddenPrecision precision = HiddenPrecision::kFull;
  /// With kReversible, a scalar that the backward pass raises to max|x' - x| / max|x|, x' being the chain's input as
  /// rebuilt from its output: the rounding error of the inverse. Undefined: the error is not measured.
  torch::Tensor reconstruction_error = {};
};

struct ChainResult {
  torch::Tensor y;
  /// log|det dy/dx| [N], nats.
  torch::Tensor log_det;
  /// The batch's moments of every layer, without a graph; undefined for layers that do not normalise by their batch.
  std::vector<ChannelMoments> batch_moments;
};

/// Applies prepared layers (FlowLayers::prepared) in order, without a graph: x [N, C, H, W] -> y [N, C, H, W].
ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x);

/// The same for layers that are not prepared, with a graph. Layers without a backward pass of their own
/// (FlowLayers::has_backward) record an ordinary graph under MemoryPolicy::kStore. In all other cases the chain is one
/// node, which prepares one layer at a time and is differentiable once (else Error).
ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x, const ChainOptions& options);

/// The inverse, x from y. The layers are prepared and have their inverses (FlowLayers::with_inverses). Differentiable.
torch::Tensor invert_layers(const FlowLayers& layers, const torch::Tensor& y);

}  // namespace glow::nn
