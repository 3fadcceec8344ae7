#pragma once

#include <torch/types.h>

namespace glow::ops {

/// log N(eps; 0, I) summed over all but the first axis: [N, ...] -> [N], nats.
torch::Tensor standard_normal_log_prob(const torch::Tensor& eps);

}  // namespace glow::ops
