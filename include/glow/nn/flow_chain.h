#pragma once

#include <vector>

#include <glow/nn/flow_step.h>
#include <glow/nn/hidden_precision.h>
#include <glow/nn/memory_policy.h>

namespace glow::nn {

/// How steps are applied with a graph.
struct ChainOptions {
  MemoryPolicy memory = MemoryPolicy::kStore;
  HiddenPrecision precision = HiddenPrecision::kFull;
  /// Of kReversible, a scalar that the backward pass raises to max|x' - x| / max|x|, where x' is x rebuilt from y: how
  /// far rounding was from leading back. Undefined: nobody asks.
  torch::Tensor reconstruction_error = {};
};

/// The steps of a level one after the other, with their folded networks: x [N, C, H, W] -> y [N, C, H, W] and
/// log|det dy/dx| [N], nats. No graph.
ops::CouplingResult apply_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& x);

/// The same as one node of a graph, differentiable once (else Error). The networks are folded on the way, one at a
/// time.
ops::CouplingResult apply_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& x,
                                const ChainOptions& options);

/// x from y. The steps' inverse maps and networks must be there. Differentiable in y.
torch::Tensor invert_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& y);

}  // namespace glow::nn
