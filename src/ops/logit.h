#pragma once

#include <torch/types.h>

namespace glow::ops {

/// The result of an elementwise change of variables.
struct Transformed {
  /// In the shape of x.
  torch::Tensor y;
  /// log|det dy/dx|, nats [N].
  torch::Tensor log_det;
};

/// Images in [-1/2, 1/2) as logits, which are not bounded: y = logit(a + (1 - a)(x + 1/2)) with a = 0.05 (RealNVP,
/// section 4.1). The results are finite for x [N, ...] between -1/2 - a/(1 - a) and 1/2, exclusive. Differentiable.
Transformed to_logits(const torch::Tensor& x);

/// The inverse of to_logits. A result that would be rounded to 1/2 is replaced by the next smaller number.
/// Differentiable.
torch::Tensor from_logits(const torch::Tensor& y);

/// Transforms the standard logistic distribution (density 1/(2 cosh(z/2))^2) into the standard normal:
/// y = Phi^-1(sigmoid(z)), so that latents under a logistic prior (NICE, section 3.4) are edited, interpolated and
/// sampled as those under a normal prior. Computed in float64; finite also far in the tails. z [N, ...].
/// Differentiable.
Transformed logistic_to_normal(const torch::Tensor& z);

/// The inverse of logistic_to_normal. Differentiable.
torch::Tensor normal_to_logistic(const torch::Tensor& y);

}  // namespace glow::ops
