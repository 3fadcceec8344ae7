#include "ops/logit.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace glow::ops {
namespace {

constexpr double kAlpha = 0.05;
const double kHalfLogTwoPi = 0.5 * std::log(2 * std::numbers::pi);

/// d log Phi(y) / dy = phi(y) / Phi(y), Phi and phi being the normal distribution's function and density.
torch::Tensor log_slope(const torch::Tensor& y) {
  return (-0.5 * y.square() - kHalfLogTwoPi - at::special_log_ndtr(y)).exp();
}

/// The y <= 0 with log Phi(y) = log_p, for log_p <= log 1/2. By Newton's method on log Phi,
/// y <- y - (log Phi(y) - log_p) Phi(y)/phi(y), because p itself may underflow. Only the last step is differentiable,
/// which is enough: at the solution dy/dlog_p = Phi(y)/phi(y).
torch::Tensor log_quantile(const torch::Tensor& log_p) {
  constexpr double kLogSmallest = -700;
  const auto fixed = log_p.detach();
  // The first guess in the far tail: log Phi(y) is about -y^2/2.
  auto y =
      at::where(fixed.gt(kLogSmallest), at::special_ndtri(fixed.clamp_min(kLogSmallest).exp()), -(-2 * fixed).sqrt());
  constexpr int kSteps = 4;
  for (int i = 0; i < kSteps; ++i) y = y - (at::special_log_ndtr(y) - fixed) / log_slope(y);
  return y - (at::special_log_ndtr(y) - log_p) / log_slope(y);
}

}  // namespace

Transformed to_logits(const torch::Tensor& x) {
  // p = a + (1 - a)(x + 1/2). 1 - p has a formula of its own, because near the upper end 1 - p loses its digits.
  const auto log_p = (kAlpha + (1 - kAlpha) * (x + 0.5)).log();
  const auto log_rest = ((1 - kAlpha) * (0.5 - x)).log();
  // y = log p - log(1 - p): dy/dp = 1/(p (1 - p)), dp/dx = 1 - a.
  return {log_p - log_rest, (std::log1p(-kAlpha) - log_p - log_rest).flatten(1).sum(1)};
}

torch::Tensor from_logits(const torch::Tensor& y) {
  const auto x = (at::sigmoid(y) - kAlpha) / (1 - kAlpha) - 0.5;
  const double below_end = y.scalar_type() == torch::kDouble ? 0.5 - 0x1p-54 : 0.5 - 0x1p-25;
  return x.clamp_max(below_end);
}

Transformed logistic_to_normal(const torch::Tensor& z) {
  const auto exact = z.to(torch::kDouble);
  // Mirrored to the side where the probability is small and has all its digits: p = sigmoid(-|z|).
  const auto side = at::where(exact.detach().lt(0), -1.0, 1.0);
  const auto y = side * -log_quantile(at::log_sigmoid(-(side * exact)));
  // dy/dz is the ratio of the densities, sigmoid(z) sigmoid(-z) and phi(y).
  const auto log_logistic = at::log_sigmoid(exact) + at::log_sigmoid(-exact);
  const auto log_normal = -0.5 * y.square() - kHalfLogTwoPi;
  return {y.to(z.scalar_type()), (log_logistic - log_normal).flatten(1).sum(1).to(z.scalar_type())};
}

torch::Tensor normal_to_logistic(const torch::Tensor& y) {
  const auto exact = y.to(torch::kDouble);
  return (at::special_log_ndtr(exact) - at::special_log_ndtr(-exact)).to(y.scalar_type());
}

}  // namespace glow::ops
