#include "nn/prior.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/jacobian.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::prior_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;

TEST(StandardNormalLogProbTest, SumsTheLogDensitiesOfTheElementsOfAnImage) {
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

TEST(StandardNormalLogProbTest, Float32IsAccurateForALargeImage) {
  const auto eps = random_normal({2, 3, 256, 256}, 2);
  EXPECT_TRUE(close(standard_normal_log_prob(eps.to(torch::kFloat)), standard_normal_log_prob(eps), 1e-6));
}

TEST(StandardNormalLogProbTest, AcceptsAnyNumberOfAxes) {
  const auto eps = random_normal({4, 6}, 3);
  EXPECT_TRUE(close(standard_normal_log_prob(eps), standard_normal_log_prob(eps.view({4, 1, 2, 3})), 1e-14));
  EXPECT_EQ(standard_normal_log_prob(torch::zeros({0, 3})).sizes(), torch::IntArrayRef({0}));
}

TEST(StandardNormalLogProbTest, GradientMatchesFiniteDifferences) {
  const auto eps = random_normal({2, 3, 2, 2}, 4).requires_grad_();
  standard_normal_log_prob(eps).mean().backward();
  EXPECT_TRUE(matches_finite_differences([&] { return standard_normal_log_prob(eps).mean(); }, eps, eps.grad(), 24));
}

/// mean and log_sd have the shape of z or are broadcast to it.
class DiagonalGaussianTest : public ::testing::TestWithParam<std::vector<std::int64_t>> {
 protected:
  DiagonalGaussian gaussian() const { return DiagonalGaussian::from_halves(random_normal(GetParam(), 1) * 0.7); }
  const torch::Tensor z = random_normal({3, 4, 2, 5}, 2);
};

TEST_P(DiagonalGaussianTest, MeanIsTheFirstHalfAndLogSdTheSecond) {
  const auto both = random_normal(GetParam(), 1);
  const auto gaussian = DiagonalGaussian::from_halves(both);
  EXPECT_TRUE(gaussian.mean.equal(both.narrow(1, 0, 4)));
  EXPECT_TRUE(gaussian.log_sd.equal(both.narrow(1, 4, 4)));
}

TEST_P(DiagonalGaussianTest, UnwhitenInvertsWhiten) {
  EXPECT_TRUE(close(gaussian().unwhiten(gaussian().whiten(z)), z, 1e-13));
  EXPECT_TRUE(close(gaussian().whiten(gaussian().unwhiten(z)), z, 1e-13));
}

TEST_P(DiagonalGaussianTest, WhitenedLogDensityPlusLogDetIsTheNormalLogDensity) {
  const auto sd = gaussian().log_sd.exp();
  const auto each = -((z - gaussian().mean) / sd).square() / 2 - (sd * std::sqrt(2 * std::numbers::pi)).log();
  const auto log_density = standard_normal_log_prob(gaussian().whiten(z)) + gaussian().log_det_of_whitening(z.sizes());
  EXPECT_TRUE(close(log_density, each.sum({1, 2, 3}), 1e-13));
}

INSTANTIATE_TEST_SUITE_P(Shapes, DiagonalGaussianTest,
                         ::testing::Values(std::vector<std::int64_t>{3, 8, 2, 5}, std::vector<std::int64_t>{1, 8, 2, 5},
                                           std::vector<std::int64_t>{1, 8, 1, 1},
                                           std::vector<std::int64_t>{3, 8, 1, 1}));

class SplitTest : public ::testing::TestWithParam<std::tuple<bool, std::int64_t>> {
 protected:
  void SetUp() override {
    split->to(torch::kDouble);
    randomize(split, 3);
  }
  DiagonalGaussian gaussian(const torch::Tensor& z1) {
    return DiagonalGaussian::from_halves(apply(split->prior->fold(), z1));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto halves = x.chunk(2, 1);
    return at::cat({halves[0], gaussian(halves[0]).whiten(halves[1])}, 1);
  }
  Split split{std::get<1>(GetParam()), std::get<0>(GetParam())};
  const torch::Tensor z = random_normal({2, std::get<1>(GetParam()), 2, 3}, 4);
};

TEST_P(SplitTest, UnwhitenInvertsWhitenOfTheSplitHalf) {
  const auto halves = forward(z).chunk(2, 1);
  EXPECT_TRUE(close(at::cat({halves[0], gaussian(halves[0]).unwhiten(halves[1])}, 1), z, 1e-10));
}

TEST_P(SplitTest, LogDetEqualsJacobianLogDet) {
  const auto halves = z.chunk(2, 1);
  EXPECT_TRUE(close(gaussian(halves[0]).log_det_of_whitening(halves[1].sizes()),
                    jacobian_log_det([&](const torch::Tensor& x) { return forward(x); }, z), 1e-8));
}

INSTANTIATE_TEST_SUITE_P(EdgeBiasAndChannels, SplitTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(4, 8, 12, 20)));

}  // namespace
}  // namespace glow::nn::prior_test
