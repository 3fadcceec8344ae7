#include <glow/train/optimizer.h>

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "ops/check.h"
#include "train/optimizer_cpu.h"
#include "train/optimizer_cuda.h"

namespace glow::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kEpsilon = 1e-8;

}  // namespace

Optimizer::Optimizer(OptimizerKind kind, const torch::Tensor& parameters, double beta2)
    : first_moment(at::zeros_like(parameters)),
      second_moment(at::zeros_like(parameters)),
      kind_(kind),
      beta2_(beta2),
      step_factors_(at::zeros({2}, first_moment.options())) {}

void Optimizer::begin_step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, steps), correction2 = 1 - std::pow(beta2_, steps);
  const bool is_adamax = kind_ == OptimizerKind::kAdamax;
  step_factors_[0].fill_(learning_rate / correction1 * (is_adamax ? std::sqrt(correction2) : 1));
  step_factors_[1].fill_(1 / correction2);
}

void Optimizer::update(torch::Tensor parameters, const torch::Tensor& gradients) {
  const torch::NoGradGuard no_grad;
  ops::check_shape(gradients.sizes() == parameters.sizes() && parameters.sizes() == first_moment.sizes(),
                   "optimizer: expected gradients and parameters of one length", gradients);
  const OptimizerUpdate update{kind_,        kBeta1,        beta2_,       kEpsilon, parameters, gradients.contiguous(),
                               first_moment, second_moment, step_factors_};
  parameters.is_cuda() ? cuda::update(update) : cpu::update(update);
  // What loops over raw pointers write, nobody sees: folded weights that are kept hang on the version.
  for (const auto& tensor : {parameters, first_moment, second_moment}) tensor.unsafeGetTensorImpl()->bump_version();
}

void Optimizer::step(torch::Tensor parameters, const torch::Tensor& gradients, double learning_rate) {
  begin_step(learning_rate);
  update(std::move(parameters), gradients);
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
