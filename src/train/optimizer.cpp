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
      step_factors_(at::zeros({3}, first_moment.options())) {}

void Optimizer::prepare(double learning_rate) {
  const torch::NoGradGuard no_grad;
  const double correction1 = 1 - std::pow(kBeta1, steps + 1), correction2 = 1 - std::pow(beta2_, steps + 1);
  const bool is_adamax = kind_ == OptimizerKind::kAdamax;
  // Fills, which unlike copies of numbers do not wait for a device.
  step_factors_[0].fill_(learning_rate / correction1 * (is_adamax ? std::sqrt(correction2) : 1));
  step_factors_[1].fill_(1 / correction2);
}

void Optimizer::apply(torch::Tensor parameters, const torch::Tensor& gradients, WeightAverage* average,
                      const torch::Tensor& wanted) {
  const torch::NoGradGuard no_grad;
  ops::check_shape(gradients.sizes() == parameters.sizes() && parameters.sizes() == first_moment.sizes(),
                   "optimizer: expected gradients and parameters of one length", gradients);
  if (wanted.defined()) {
    step_factors_[2].copy_(wanted);
  } else {
    step_factors_[2].fill_(1);
  }
  const OptimizerUpdate update{.kind = kind_,
                               .beta1 = kBeta1,
                               .beta2 = beta2_,
                               .epsilon = kEpsilon,
                               .average_gain = average != nullptr ? 1 - average->decay() : 0,
                               .parameters = parameters,
                               .gradients = gradients.contiguous(),
                               .first_moment = first_moment,
                               .second_moment = second_moment,
                               .average = average != nullptr ? average->sum : torch::Tensor(),
                               .step_factors = step_factors_};
  parameters.is_cuda() ? cuda::update(update) : cpu::update(update);
  // Written through pointers: autograd has to know that what it saved of these tensors is no longer there.
  for (const auto& tensor : {update.parameters, first_moment, second_moment, update.average}) {
    if (tensor.defined()) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

void Optimizer::step(torch::Tensor parameters, const torch::Tensor& gradients, double learning_rate) {
  prepare(learning_rate);
  apply(std::move(parameters), gradients);
  ++steps;
}

torch::Tensor flat_norm(const torch::Tensor& values) {
  // In two stages: on the CPU a single float32 sum over tens of millions of numbers loses digits.
  constexpr std::int64_t kRow = 4096;
  const auto rows = values.numel() / kRow;
  const auto row_norms = values.narrow(0, 0, rows * kRow).view({rows, kRow}).norm(2, {1});
  const auto rest = values.narrow(0, rows * kRow, values.numel() - rows * kRow);
  return at::cat({row_norms, rest}).norm();
}

void clip_norm(torch::Tensor gradients, const torch::Tensor& norm, double largest) {
  const torch::NoGradGuard no_grad;
  // A norm that is not finite would spoil what is finite, and so which gradient it comes from.
  const auto factor = norm.reciprocal().mul_(largest).clamp_max_(1.0);
  gradients.mul_(at::where(norm.isfinite(), factor, at::ones_like(factor)));
}

}  // namespace glow::train
