#include "ops/gaussian.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/tensors.h"

namespace glow::ops::gaussian_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;

TEST(StandardNormalLogProbTest, SumsTheLogDensityOfEveryElementOfAnImage) {
  const auto eps = random_normal({3, 2, 4, 5}, 1);
  std::vector<double> expected(3, 0.0);
  for (std::int64_t i = 0; i < eps.numel(); ++i) {
    const double value = eps.flatten()[i].item<double>();
    expected[static_cast<std::size_t>(i / 40)] += -0.5 * value * value - std::log(std::sqrt(2 * std::numbers::pi));
  }
  EXPECT_TRUE(close(standard_normal_log_prob(eps), torch::tensor(expected, torch::kDouble), 1e-14));
  EXPECT_TRUE(close(standard_normal_log_prob(eps.contiguous(at::MemoryFormat::ChannelsLast)),
                    torch::tensor(expected, torch::kDouble), 1e-14));
  EXPECT_TRUE(close(standard_normal_log_prob(eps.to(torch::kFloat)), torch::tensor(expected, torch::kDouble), 1e-6));
}

TEST(StandardNormalLogProbTest, KeepsSixDigitsInFloat32OverALargeImage) {
  const auto eps = random_normal({2, 3, 256, 256}, 2);
  EXPECT_TRUE(close(standard_normal_log_prob(eps.to(torch::kFloat)), standard_normal_log_prob(eps), 1e-6));
}

TEST(StandardNormalLogProbTest, TakesAnyNumberOfAxes) {
  const auto eps = random_normal({4, 6}, 3);
  EXPECT_TRUE(close(standard_normal_log_prob(eps), standard_normal_log_prob(eps.view({4, 1, 2, 3})), 1e-14));
  EXPECT_EQ(standard_normal_log_prob(torch::zeros({0, 3})).sizes(), torch::IntArrayRef({0}));
}

TEST(StandardNormalLogProbTest, HasTheRightGradient) {
  const auto eps = random_normal({2, 3, 2, 2}, 4).requires_grad_();
  standard_normal_log_prob(eps).mean().backward();
  EXPECT_TRUE(matches_finite_differences([&] { return standard_normal_log_prob(eps).mean(); }, eps, eps.grad(), 24));
}

}  // namespace
}  // namespace glow::ops::gaussian_test
