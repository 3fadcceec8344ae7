#pragma once

#include <vector>

#include <glow/nn/flow_step.h>

namespace glow::nn {

/// FlowStepImpl::fold of several steps of the same options and shape at once: a small operation costs as much for one
/// matrix as for all, so the small ones are done on stacks [K, ...]. Differentiable.
std::vector<FoldedStep> fold_steps(const std::vector<const FlowStepImpl*>& steps);

}  // namespace glow::nn
