#pragma once

#include <torch/types.h>

#include <glow/ops/logit.h>

namespace glow::ops {

/// A number with the standard logistic distribution (density 1/(2 cosh(z/2))^2) as one with the standard normal, by the
/// distributions' functions: y = Phi^-1(sigmoid(z)); so that latents under a logistic prior (NICE, section 3.4) are
/// edited, mixed and tempered as all others are. Computed in float64, and finite however far out in the tails.
/// z [N, ...]. Differentiable.
Transformed logistic_to_normal(const torch::Tensor& z);

/// The inverse of logistic_to_normal. Differentiable.
torch::Tensor normal_to_logistic(const torch::Tensor& y);

}  // namespace glow::ops
