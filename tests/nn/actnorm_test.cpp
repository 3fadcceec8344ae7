#include "nn/actnorm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/jacobian.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::actnorm_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::random_normal;
using glow::testing::randomize;

ActNorm random_actnorm(std::int64_t channels) {
  ActNorm actnorm(channels);
  actnorm->to(torch::kDouble);
  randomize(actnorm, 1);
  return actnorm;
}

class ActNormTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ActNormTest, AddsTheBiasAndThenScales) {
  const auto actnorm = random_actnorm(GetParam());
  const auto x = random_normal({2, GetParam(), 2, 3}, 2);
  const auto expected = (x + actnorm->bias.view({1, -1, 1, 1})) * (3 * actnorm->log_scale.view({1, -1, 1, 1})).exp();
  EXPECT_TRUE(close(ops::apply(actnorm->channel_map(), x), expected, 1e-14));
}

TEST_P(ActNormTest, InverseMapRestoresTheInput) {
  const auto map = random_actnorm(GetParam())->channel_map();
  const auto x = random_normal({2, GetParam(), 2, 3}, 3);
  EXPECT_TRUE(close(ops::apply(ops::invert(map), ops::apply(map, x)), x, 1e-10));
}

TEST_P(ActNormTest, LogDetEqualsJacobianLogDet) {
  const auto map = random_actnorm(GetParam())->channel_map();
  const auto x = random_normal({1, GetParam(), 2, 3}, 4);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return ops::apply(map, z); }, x);
  EXPECT_TRUE(close(map.log_abs_det * 6, expected[0], 1e-8));
}

TEST_P(ActNormTest, StartsAsTheIdentity) {
  const auto x = random_normal({2, GetParam(), 2, 3}, 5).to(torch::kFloat);
  EXPECT_TRUE(ops::apply(ActNorm(GetParam())->channel_map(), x).equal(x));
}

INSTANTIATE_TEST_SUITE_P(Channels, ActNormTest, ::testing::Values(1, 2, 3, 5));

TEST(ActNormStartTest, NormalizesDataToMeanZeroAndVarianceOne) {
  const auto x = random_normal({50, 3, 4, 6}, 6) * torch::tensor({0.01, 1.0, 30.0}).view({1, 3, 1, 1}) + 7;
  const std::vector<std::int64_t> all_but_channels{0, 2, 3};
  auto actnorm = random_actnorm(3);
  EXPECT_EQ(actnorm->start_from({x.mean(all_but_channels), x.std(all_but_channels, /*unbiased=*/false)}), 0);
  const auto y = ops::apply(actnorm->channel_map(), x);
  EXPECT_TRUE(close(y.mean(all_but_channels), torch::zeros(3), 1e-10));
  EXPECT_TRUE(close(y.var(all_but_channels, /*unbiased=*/false), torch::ones(3), 1e-10));
}

TEST(ActNormStartTest, FloorsTheStandardDeviationOfConstantChannels) {
  auto actnorm = random_actnorm(4);
  const auto mean = torch::tensor({1.0, -2.0, 0.5, 0.25}, torch::kDouble);
  const auto sd = torch::tensor({0.0, 0.9e-3, 1.1e-3, 2.0}, torch::kDouble);
  EXPECT_EQ(actnorm->start_from({mean, sd}), 2);
  EXPECT_TRUE(close(actnorm->bias, -mean, 1e-15));
  EXPECT_TRUE(close((-3 * actnorm->log_scale).exp(), torch::tensor({1e-3, 1e-3, 1.1e-3, 2.0}, torch::kDouble), 1e-14));
}

}  // namespace
}  // namespace glow::nn::actnorm_test
