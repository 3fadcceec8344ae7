#include <glow/ops/logistic.h>

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace glow::ops {

namespace {

const double kHalfLogTwoPi = 0.5 * std::log(2 * std::numbers::pi);

/// d log Phi(y) / dy
torch::Tensor log_slope(const torch::Tensor& y) {
  return (-0.5 * y.square() - kHalfLogTwoPi - at::special_log_ndtr(y)).exp();
}

/// y <= 0 with log Phi(y) = log_p, for log p of at most log 1/2. By Newton's method, for p itself may be too small for
/// a number; the last step is differentiable.
torch::Tensor log_quantile(const torch::Tensor& log_p) {
  constexpr double kLogSmallest = -700;
  const auto fixed = log_p.detach();
  // log Phi(y) is about -y^2/2 far out.
  auto y =
      at::where(fixed.gt(kLogSmallest), at::special_ndtri(fixed.clamp_min(kLogSmallest).exp()), -(-2 * fixed).sqrt());
  constexpr int kSteps = 4;
  for (int i = 0; i < kSteps; ++i) y = y - (at::special_log_ndtr(y) - fixed) / log_slope(y);
  return y - (at::special_log_ndtr(y) - log_p) / log_slope(y);
}

}  // namespace

Transformed logistic_to_normal(const torch::Tensor& z) {
  const auto exact = z.to(torch::kDouble);
  // On the side where the probability is small, and has all its digits.
  const auto side = at::where(exact.detach().lt(0), -1.0, 1.0);
  const auto y = side * -log_quantile(at::log_sigmoid(-(side * exact)));
  const auto of_logistic = at::log_sigmoid(exact) + at::log_sigmoid(-exact);
  const auto of_normal = -0.5 * y.square() - kHalfLogTwoPi;
  return {y.to(z.scalar_type()), (of_logistic - of_normal).flatten(1).sum(1).to(z.scalar_type())};
}

torch::Tensor normal_to_logistic(const torch::Tensor& y) {
  const auto exact = y.to(torch::kDouble);
  return (at::special_log_ndtr(exact) - at::special_log_ndtr(-exact)).to(y.scalar_type());
}

}  // namespace glow::ops
