#pragma once

#include <vector>

#include <glow/nn/flow_step.h>
#include <glow/nn/memory_policy.h>

namespace glow::nn {

/// The steps of a level one after the other: x [N, C, H, W] -> y [N, C, H, W] and log|det dy/dx| [N], nats. With a
/// graph they are one node of it, differentiable once (else Error), which keeps for the backward pass what `memory`
/// says.
ops::CouplingResult apply(const std::vector<FoldedStep>& steps, const torch::Tensor& x, MemoryPolicy memory);

}  // namespace glow::nn
