#pragma once

#include <torch/types.h>

namespace glow::ops {

/// What an elementwise change of variables gives.
struct Transformed {
  /// In the shape of x.
  torch::Tensor y;
  /// log|det dy/dx|, nats [N].
  torch::Tensor log_det;
};

/// Images in [-1/2, 1/2) as logits: y = logit(a + (1 - a)(x + 1/2)) with a = 0.05, so that a flow's values have no ends
/// (RealNVP, section 4.1). x [N, ...]; the map is defined from -1/2 - a/(1 - a) up to, and without, 1/2: beyond them
/// its results are not finite. Differentiable.
Transformed to_logits(const torch::Tensor& x);

/// The inverse of to_logits. What rounding would bring to the upper end stays just below it. Differentiable.
torch::Tensor from_logits(const torch::Tensor& y);

}  // namespace glow::ops
