#include <glow/train/optimizer.h>

#include <cmath>

#include <ATen/ATen.h>

#include "ops/check.h"
#include "train/optimizer_cpu.h"

namespace glow::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kEpsilon = 1e-8;

}  // namespace

Optimizer::Optimizer(OptimizerKind kind, const torch::Tensor& parameters, double beta2)
    : first_moment(at::zeros_like(parameters)), second_moment(at::zeros_like(parameters)), kind_(kind), beta2_(beta2) {}

void Optimizer::step(torch::Tensor parameters, const torch::Tensor& gradients, double learning_rate) {
  const torch::NoGradGuard no_grad;
  ops::check_shape(gradients.sizes() == parameters.sizes() && parameters.sizes() == first_moment.sizes(),
                   "optimizer: expected gradients and parameters of one length", gradients);
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, steps);
  const double correction2 = 1 - std::pow(beta2_, steps);
  const bool is_adamax = kind_ == OptimizerKind::kAdamax;
  const double rate = learning_rate / correction1 * (is_adamax ? std::sqrt(correction2) : 1);
  const cpu::UpdateFactors factors{kBeta1, beta2_, kEpsilon, rate};
  if (parameters.is_cpu()) {
    const auto g = gradients.contiguous();
    if (is_adamax) {
      cpu::adamax(parameters, g, first_moment, second_moment, factors);
    } else {
      cpu::adam(parameters, g, first_moment, second_moment, factors, correction2);
    }
    // What loops over raw pointers write, nobody sees: folded weights that are kept hang on the version.
    for (const auto& tensor : {parameters, first_moment, second_moment}) tensor.unsafeGetTensorImpl()->bump_version();
    return;
  }
  first_moment.lerp_(gradients, 1 - kBeta1);
  if (is_adamax) {
    at::maximum_out(second_moment, second_moment.mul_(beta2_), gradients.abs());
    parameters.addcdiv_(first_moment, second_moment + kEpsilon, -rate);
  } else {
    second_moment.mul_(beta2_).addcmul_(gradients, gradients, 1 - beta2_);
    parameters.addcdiv_(first_moment, second_moment.div(correction2).sqrt_().add_(kEpsilon), -rate);
  }
}

torch::Tensor flat_norm(const torch::Tensor& values) {
  // In two stages: on the CPU a single float32 sum over tens of millions of numbers loses digits.
  constexpr std::int64_t kRow = 4096;
  const auto rows = values.numel() / kRow;
  const auto row_norms = values.narrow(0, 0, rows * kRow).view({rows, kRow}).norm(2, {1});
  const auto rest = values.narrow(0, rows * kRow, values.numel() - rows * kRow);
  return at::cat({row_norms, rest}).norm();
}

torch::Tensor clip_norm(torch::Tensor gradients, double largest) {
  const torch::NoGradGuard no_grad;
  const auto norm = flat_norm(gradients);
  gradients.mul_(norm.reciprocal().mul_(largest).clamp_max_(1.0));
  return norm;
}

}  // namespace glow::train
