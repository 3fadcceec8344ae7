#pragma once

#include <torch/types.h>

namespace glow::train::cpu {

// The updates of optimizer.h in one pass over CPU tensors [P]. `rate` has all of the formula that is no tensor.

/// w -= rate * m / (v + epsilon), after m and v.
struct UpdateFactors {
  double beta1, beta2, epsilon, rate;
};
void adamax(torch::Tensor& parameters, const torch::Tensor& gradients, torch::Tensor& first_moment,
            torch::Tensor& second_moment, const UpdateFactors& factors);
/// w -= rate * m / (sqrt(v / correction2) + epsilon), after m and v.
void adam(torch::Tensor& parameters, const torch::Tensor& gradients, torch::Tensor& first_moment,
          torch::Tensor& second_moment, const UpdateFactors& factors, double correction2);

}  // namespace glow::train::cpu
