#include <glow/train/optimizer.h>

#include <cmath>

#include <ATen/ATen.h>

#include "ops/check.h"
#include "train/optimizer_elements.h"

namespace glow::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kEpsilon = 1e-8;

}  // namespace

Optimizer::Optimizer(OptimizerKind kind, double beta2, double ema_decay, const torch::TensorOptions& parameters)
    : kind_(kind), beta2_(beta2), ema_decay_(ema_decay), step_factors_(at::zeros({3}, parameters)) {}

void Optimizer::apply(const TrainingState& state, const torch::Tensor& gradients, const torch::Tensor& wanted,
                      double learning_rate) {
  const torch::NoGradGuard no_grad;
  ops::check_shape(gradients.sizes() == state.parameters.sizes() && state.parameters.sizes() == state.average.sizes(),
                   "optimizer: expected gradients and parameters of one length", gradients);
  // 1 - b1^t and 1 - b2^t
  const auto t = state.updates() + 1;
  const double correction1 = 1 - std::pow(kBeta1, t), correction2 = 1 - std::pow(beta2_, t);
  const bool is_adamax = kind_ == OptimizerKind::kAdamax;
  // fill_, unlike a copy from the host, does not wait for the device.
  step_factors_[0].fill_(learning_rate / correction1 * (is_adamax ? std::sqrt(correction2) : 1));
  step_factors_[1].fill_(1 / correction2);
  step_factors_[2].copy_(wanted);
  const OptimizerUpdate update{.kind = kind_,
                               .beta1 = kBeta1,
                               .beta2 = beta2_,
                               .epsilon = kEpsilon,
                               .average_gain = 1 - ema_decay_,
                               .parameters = state.parameters,
                               .gradients = gradients.contiguous(),
                               .first_moment = state.first_moment,
                               .second_moment = state.second_moment,
                               .average = state.average,
                               .step_factors = step_factors_};
  update.parameters.is_cuda() ? cuda::update(update) : cpu::update(update);
  // Autograd's version counter misses writes through pointers: bump it, so that a backward pass refuses values that it
  // saved before.
  for (const auto& tensor : {update.parameters, update.first_moment, update.second_moment, update.average}) {
    tensor.unsafeGetTensorImpl()->bump_version();
  }
}

torch::Tensor Optimizer::averaged_parameters(const TrainingState& state) const {
  if (state.updates() == 0) return state.parameters;
  return state.average / (1 - std::pow(ema_decay_, state.updates()));
}

torch::Tensor flat_norm(const torch::Tensor& values) {
  // The norm of the rows' norms: a single float32 sum over tens of millions of numbers loses digits on the CPU.
  constexpr std::int64_t kRow = 4096;
  const auto rows = values.numel() / kRow;
  const auto row_norms = values.narrow(0, 0, rows * kRow).view({rows, kRow}).norm(2, {1});
  const auto rest = values.narrow(0, rows * kRow, values.numel() - rows * kRow);
  return at::cat({row_norms, rest}).norm();
}

void clip_norm(torch::Tensor gradients, const torch::Tensor& norm, double largest) {
  const torch::NoGradGuard no_grad;
  // With a norm that is not finite the factor would be 0 or NaN, and Trainer::first_not_finite could no longer find the
  // gradient that caused it.
  const auto factor = norm.reciprocal().mul_(largest).clamp_max_(1.0);
  gradients.mul_(at::where(norm.isfinite(), factor, at::ones_like(factor)));
}

}  // namespace glow::train
