#include "ops/channel_map.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/finite_differences.h"
#include "support/jacobian.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::ops::channel_map_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::throws;

ChannelMap random_map(std::int64_t channels, std::uint64_t seed = 1) {
  const auto weight = random_normal({channels, channels}, seed);
  return {weight, random_normal({channels}, seed + 1), log_abs_det(weight)};
}

class ChannelMapTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ChannelMapTest, MapsTheChannelsOfEveryPixel) {
  const auto map = random_map(GetParam());
  const auto x = random_normal({2, GetParam(), 3, 2}, 3);
  const auto expected = at::einsum("oc,nchw->nohw", {map.weight, x}) + map.bias.view({1, -1, 1, 1});
  EXPECT_TRUE(close(apply(map, x), expected, 1e-13));
  EXPECT_TRUE(close(apply(map, x.contiguous(at::MemoryFormat::ChannelsLast)), expected, 1e-13));
}

TEST_P(ChannelMapTest, InvertGivesTheInverseMap) {
  const auto map = random_map(GetParam());
  const auto inverse = invert(map);
  const auto x = random_normal({2, GetParam(), 3, 2}, 4);
  EXPECT_TRUE(close(apply(inverse, apply(map, x)), x, 1e-10));
  EXPECT_TRUE(close(apply(map, apply(inverse, x)), x, 1e-10));
  EXPECT_TRUE(close(inverse.log_abs_det, log_abs_det(inverse.weight), 1e-10));
}

TEST_P(ChannelMapTest, LogDetTimesPixelsEqualsJacobianLogDet) {
  const auto map = random_map(GetParam());
  const auto x = random_normal({1, GetParam(), 3, 2}, 5);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return apply(map, z); }, x);
  EXPECT_TRUE(close(map.log_abs_det * 6, expected[0], 1e-8));
}

TEST_P(ChannelMapTest, GradientsMatchFiniteDifferences) {
  auto map = random_map(GetParam());
  map.weight.requires_grad_();
  map.bias.requires_grad_();
  const auto x = random_normal({2, GetParam(), 1, 2}, 6).requires_grad_();
  const auto function = [&] { return apply(map, x).square().mean() + log_abs_det(map.weight); };
  function().backward();
  for (const auto& variable : {map.weight, map.bias, x}) {
    EXPECT_TRUE(matches_finite_differences(function, variable, variable.grad(), 8));
  }
}

INSTANTIATE_TEST_SUITE_P(Channels, ChannelMapTest, ::testing::Values(1, 2, 5, 12));

TEST(ChannelMapInverseTest, IsComputedInFloat64ForEveryDtype) {
  // The condition number is 1e5: an inverse computed in float32 would have about two correct digits.
  const auto scales = at::logspace(0, -5, 8, 10.0, torch::kDouble);
  const auto rotation = std::get<0>(at::linalg_qr(random_normal({8, 8}, 7)));
  const auto weight = rotation.matmul(scales.diag()).matmul(rotation.t()).to(torch::kFloat);
  const ChannelMap map{weight, torch::zeros(8), log_abs_det(weight)};
  const auto inverse = invert(map);
  ASSERT_EQ(inverse.weight.scalar_type(), torch::kFloat);
  ASSERT_EQ(inverse.bias.scalar_type(), torch::kFloat);
  const auto exact = at::linalg_inv(weight.to(torch::kDouble));
  EXPECT_LT((inverse.weight - exact).abs().max().item<double>(), 1e-7 * exact.abs().max().item<double>());
}

TEST(ChannelMapErrors, InvertRefusesSingularAndNonFiniteMatrices) {
  const auto inverted = [](const torch::Tensor& weight) {
    return [weight] { invert({weight, torch::zeros(weight.size(0)), torch::zeros({})}); };
  };
  EXPECT_TRUE(throws<NumericalError>(inverted(torch::ones({3, 3})), {"singular"}));
  EXPECT_TRUE(throws<NumericalError>(inverted(torch::zeros({2, 2})), {"singular"}));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto weight = torch::eye(3);
    weight[1][2] = bad;
    EXPECT_TRUE(throws<NumericalError>(inverted(weight), {"not finite"}));
  }
}

TEST(LogAbsDetTest, IsAccurateWhenTheDeterminantOverflowsOrIsNegative) {
  const auto scaled = [](double factor, torch::Dtype dtype) {
    auto weight = torch::eye(400, dtype) * factor;
    weight[0][0].neg_();
    return log_abs_det(weight);
  };
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    EXPECT_EQ(scaled(10, dtype).scalar_type(), dtype);
    EXPECT_TRUE(close(scaled(10, dtype), torch::tensor(400 * std::log(10)), 1e-6));
    EXPECT_TRUE(close(scaled(0.125, dtype), torch::tensor(400 * std::log(0.125)), 1e-6));
  }
  EXPECT_TRUE(close(scaled(10, torch::kDouble), torch::tensor(400 * std::log(10.0), torch::kDouble), 1e-13));
}

/// Runs on several threads, on which LibTorch 2.11's LU of a stack of large matrices is wrong.
TEST(ChannelMapStack, StackOfLargeMatricesIsExactOnSeveralThreads) {
  const auto threads = at::get_num_threads();
  at::set_num_threads(4);
  for (const std::int64_t channels : {48, 192, 384}) {
    const auto rotations = std::get<0>(at::linalg_qr(random_normal({4, channels, channels}, 1)));
    const auto scales = torch::arange(1, 5, torch::kDouble);
    const auto weight = (rotations * scales.view({4, 1, 1})).requires_grad_();
    const auto log_dets = log_abs_det(weight);
    EXPECT_TRUE(close(log_dets, scales.log() * static_cast<double>(channels), 1e-12)) << channels;
    log_dets.sum().backward();
    const auto inverse = (rotations / scales.view({4, 1, 1})).transpose(1, 2);
    EXPECT_TRUE(close(weight.grad(), inverse.transpose(1, 2), 1e-12)) << channels;
    const auto bias = torch::ones({4, channels}, torch::kDouble);
    const auto inverted = invert({weight.detach(), bias, log_dets.detach()});
    EXPECT_TRUE(close(inverted.weight, inverse, 1e-12)) << channels;
    EXPECT_TRUE(close(inverted.bias, -inverse.sum(2), 1e-10)) << channels;
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace glow::ops::channel_map_test
