#include <glow/train/weight_average.h>

#include <cmath>

#include <ATen/ATen.h>

namespace glow::train {

WeightAverage::WeightAverage(const torch::Tensor& parameters, double decay)
    : sum(at::zeros_like(parameters)), decay_(decay) {}

void WeightAverage::update(const torch::Tensor& parameters) {
  const torch::NoGradGuard no_grad;
  sum.lerp_(parameters, 1 - decay_);
  ++updates;
}

torch::Tensor WeightAverage::value_or(const torch::Tensor& parameters) const {
  if (updates == 0) return parameters;
  return sum / (1 - std::pow(decay_, updates));
}

}  // namespace glow::train
