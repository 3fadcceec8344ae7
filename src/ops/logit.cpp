#include <glow/ops/logit.h>

#include <cmath>

#include <ATen/ATen.h>

namespace glow::ops {
namespace {

constexpr double kAlpha = 0.05;

}  // namespace

Transformed to_logits(const torch::Tensor& x) {
  // 1 - p by itself: near the upper end the difference of 1 and p has few digits left.
  const auto log_p = (kAlpha + (1 - kAlpha) * (x + 0.5)).log();
  const auto log_rest = ((1 - kAlpha) * (0.5 - x)).log();
  // dy/dp = 1/(p (1 - p)), dp/dx = 1 - a
  return {log_p - log_rest, (std::log1p(-kAlpha) - log_p - log_rest).flatten(1).sum(1)};
}

torch::Tensor from_logits(const torch::Tensor& y) {
  const auto x = (at::sigmoid(y) - kAlpha) / (1 - kAlpha) - 0.5;
  const double below_end = y.scalar_type() == torch::kDouble ? 0.5 - 0x1p-54 : 0.5 - 0x1p-25;
  return x.clamp_max(below_end);
}

}  // namespace glow::ops
