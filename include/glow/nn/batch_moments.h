#pragma once

#include <functional>

#include <torch/types.h>

namespace glow::nn {

/// Mean and variance (population) of every channel, [C] each.
struct ChannelMoments {
  torch::Tensor mean;
  torch::Tensor variance;
};

/// Adds a tensor up over the processes that train on shards of one batch, in place; null: there is one process.
using SumOverProcesses = std::function<void(const torch::Tensor&)>;

}  // namespace glow::nn
