#pragma once

#include <torch/types.h>

namespace glow::ops {

/// log N(eps; 0, I) = -1/2 sum eps^2 - D/2 log(2 pi), D numbers per image: [N, ...] -> [N], nats.
torch::Tensor standard_normal_log_prob(const torch::Tensor& eps);

}  // namespace glow::ops
