#include "ops/logit.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/jacobian.h"
#include "support/tensors.h"

namespace glow::ops::logit_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;

torch::Tensor images() { return (random_normal({3, 2, 2, 3}, 1)).tanh() * 0.4999; }

TEST(Logit, MatchesTheFormulaAndItsInverse) {
  const auto p = 0.05 + 0.95 * (images() + 0.5);
  EXPECT_TRUE(close(to_logits(images()).y, (p / (1 - p)).log(), 1e-10));
  EXPECT_TRUE(close(from_logits(to_logits(images()).y), images(), 1e-12));
}

TEST(Logit, LogDetEqualsJacobianLogDet) {
  const auto x = images();
  const auto of = [](const torch::Tensor& values) { return to_logits(values).y.flatten(1); };
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(close(to_logits(x).log_det.narrow(0, i, 1), jacobian_log_det(of, x.narrow(0, i, 1)), 1e-6));
  }
}

TEST(Logit, IsAccurateAtTheUpperBoundInFloat32) {
  // The largest float32 in the last of 256 bins.
  const auto x = torch::tensor({std::nextafter(0.5F, 0.F)}).view({1, 1, 1, 1});
  const auto exact = to_logits(x.to(torch::kDouble));
  EXPECT_TRUE(close(to_logits(x).y, exact.y, 1e-6));
  EXPECT_TRUE(close(to_logits(x).log_det, exact.log_det, 1e-6));
}

TEST(Logit, InverseStaysBelowTheUpperBound) {
  const auto y = torch::tensor({17.5F, 30.F, 100.F, -100.F}).view({1, 1, 1, 4});
  EXPECT_TRUE(from_logits(y).lt(0.5).all().item<bool>());
  EXPECT_TRUE(to_logits(from_logits(y)).log_det.isfinite().all().item<bool>());
  EXPECT_TRUE(from_logits(y.to(torch::kDouble)).lt(0.5).all().item<bool>());
}

TEST(Logistic, MapsLogisticQuantilesToNormalQuantiles) {
  const auto z = torch::tensor({-2.1972245773362196, 0.0, 2.1972245773362196}, torch::kDouble).view({1, 1, 1, 3});
  // The 10 %, 50 % and 90 % quantiles of the standard normal distribution.
  const auto expected =
      torch::tensor({-1.2815515655446004, 0.0, 1.2815515655446004}, torch::kDouble).view({1, 1, 1, 3});
  EXPECT_TRUE(close(logistic_to_normal(z).y, expected, 1e-12));
}

TEST(Logistic, IsInvertibleInTheTails) {
  const auto z = (torch::linspace(-1, 1, 97, torch::kDouble).pow(5) * 1e5).view({1, 1, 1, 97});
  EXPECT_TRUE(close(normal_to_logistic(logistic_to_normal(z).y), z, 1e-9));
  EXPECT_TRUE(logistic_to_normal(z).log_det.isfinite().all().item<bool>());
}

TEST(Logistic, LogDetEqualsJacobianLogDet) {
  const auto z = random_normal({2, 1, 2, 2}, 3) * 4;
  const auto of = [](const torch::Tensor& values) { return logistic_to_normal(values).y.flatten(1); };
  for (std::int64_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(close(logistic_to_normal(z).log_det.narrow(0, i, 1), jacobian_log_det(of, z.narrow(0, i, 1)), 1e-6));
  }
}

TEST(Logistic, GradientsMatchFiniteDifferences) {
  const auto z = (random_normal({2, 1, 2, 2}, 4) * 3).requires_grad_();
  const auto forward = [&] {
    const auto [y, log_det] = logistic_to_normal(z);
    return (y * 0.3).sin().sum() + log_det.sum();
  };
  forward().backward();
  EXPECT_TRUE(matches_finite_differences(forward, z, z.grad(), 8));
  const auto y = random_normal({2, 1, 2, 2}, 5).requires_grad_();
  const auto back = [&] { return normal_to_logistic(y).square().sum(); };
  back().backward();
  EXPECT_TRUE(matches_finite_differences(back, y, y.grad(), 8));
}

}  // namespace
}  // namespace glow::ops::logit_test
