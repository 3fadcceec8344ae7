#pragma once

#include <functional>

#include <torch/types.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// Mean and population variance of each channel, [C] each.
struct ChannelMoments {
  /// Mean over images, rows and columns.
  torch::Tensor mean;
  /// Mean of the squared deviation from `mean`.
  torch::Tensor variance;
};

/// Sums a tensor in place over all processes that train on shards of one batch (an all-reduce); null: a single process.
using SumOverProcesses = std::function<void(const torch::Tensor&)>;

}  // namespace glow::nn

#pragma GCC visibility pop
