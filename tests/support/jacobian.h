#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

namespace glow::testing {

/// The Jacobian [D, D] of a function of one image by autograd, x [1, ...] with D elements -> y [1, ...] with D
/// elements. The function must treat the images of a batch independently, because row i is the gradient of output i of
/// the i-th of D copies of x.
template <class Function>
torch::Tensor jacobian(Function&& function, const torch::Tensor& x) {
  const torch::AutoGradMode with_grad(true);
  const auto dimensions = x.numel();
  auto shape = x.sizes().vec();
  shape[0] = dimensions;
  const auto copies = x.detach().expand(shape).clone().requires_grad_();
  const torch::Tensor y = function(copies);
  const auto one_output_each = torch::eye(dimensions, y.options()).view_as(y);
  return torch::autograd::grad({y}, {copies}, {one_output_each}).front().reshape({dimensions, dimensions});
}

/// log|det dy/dx| of the function at each image of x [N, ...]: float64 [N].
template <class Function>
torch::Tensor jacobian_log_det(Function&& function, const torch::Tensor& x) {
  std::vector<torch::Tensor> log_dets;
  for (const auto& image : x.split(1)) {
    log_dets.push_back(std::get<1>(at::linalg_slogdet(jacobian(function, image))));
  }
  return at::stack(log_dets);
}

}  // namespace glow::testing
