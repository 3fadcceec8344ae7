#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace glow::testing {

/// A scalar view of the element at `index` in C order, for tensors with any strides.
inline torch::Tensor element(torch::Tensor tensor, std::int64_t index) {
  while (tensor.dim() > 0) {
    const auto below = tensor.numel() / tensor.size(0);
    tensor = tensor[index / below];
    index %= below;
  }
  return tensor;
}

/// Compares `gradient` with central differences (f(x + h) - f(x - h)) / 2h of `function`, whose value depends on the
/// float64 `variable`, at up to `samples` elements spread evenly.
inline ::testing::AssertionResult matches_finite_differences(const std::function<torch::Tensor()>& function,
                                                             const torch::Tensor& variable,
                                                             const torch::Tensor& gradient, std::int64_t samples = 4) {
  // Small, so that the inputs of ReLUs rarely change sign; in float64 eight correct digits remain.
  constexpr double kStep = 1e-6;
  constexpr double kTolerance = 1e-6;
  if (!gradient.defined() || gradient.sizes() != variable.sizes()) {
    return ::testing::AssertionFailure() << "no gradient, or one of another shape";
  }
  const torch::NoGradGuard no_grad;
  const auto value_at = [&](const torch::Tensor& place, double value) {
    place.fill_(value);
    return function().item<double>();
  };
  const auto count = std::min(samples, variable.numel());
  for (std::int64_t sample = 0; sample < count; ++sample) {
    const auto index = variable.numel() * (2 * sample + 1) / (2 * count);
    const auto place = element(variable.detach(), index);
    const double middle = place.item<double>();
    const double difference = (value_at(place, middle + kStep) - value_at(place, middle - kStep)) / (2 * kStep);
    place.fill_(middle);
    const double seen = element(gradient, index).item<double>();
    if (!(std::abs(seen - difference) <= kTolerance * (1 + std::abs(difference)))) {
      return ::testing::AssertionFailure()
             << "element " << index << ": gradient " << seen << ", finite difference " << difference;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace glow::testing
