#pragma once

#include <vector>

#include <glow/nn/flow_step.h>

namespace glow::nn {

/// Several steps of the same options and shape, without inverses and networks: a small operation costs as much for one
/// matrix as for all, so they are done on stacks [K, ...]. Differentiable.
std::vector<FoldedStep> fold_steps(const std::vector<const FlowStepImpl*>& steps);

/// ops::invert of each of several maps of one shape, at once.
std::vector<ops::ChannelMap> invert_each(const std::vector<ops::ChannelMap>& maps);

}  // namespace glow::nn
