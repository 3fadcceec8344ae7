#include "nn/permutation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/flow_layers.h"
#include "support/jacobian.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::permutation_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;

/// The layer's matrix as a map without a bias.
ops::ChannelMap map_of(const Permutation& permutation, torch::Dtype dtype = torch::kDouble) {
  const auto [weight, log_abs_det] = glow::testing::matrices_of(*permutation, dtype);
  return {weight[0], torch::zeros(weight.size(1), dtype), log_abs_det[0]};
}

class PermutationTest : public ::testing::TestWithParam<std::tuple<PermutationKind, std::int64_t>> {
 protected:
  PermutationKind kind() const { return std::get<0>(GetParam()); }
  std::int64_t channels() const { return std::get<1>(GetParam()); }

  Permutation random_permutation() const {
    Permutation permutation(kind(), channels());
    permutation->to(torch::kDouble);
    randomize(permutation, 1);
    return permutation;
  }

  /// W in y = W x, from the definitions.
  torch::Tensor matrix(const PermutationImpl& permutation) const {
    if (kind() == PermutationKind::kConv1x1) return permutation.weight;
    auto rows = torch::zeros({channels(), channels()}, torch::kDouble);
    for (std::int64_t i = 0; i < channels(); ++i) rows[i][permutation.indices[i].item<std::int64_t>()] = 1;
    if (kind() != PermutationKind::kLU) return rows;
    const auto identity = torch::eye(channels(), torch::kDouble);
    const auto diagonal = permutation.sign_diagonal * permutation.log_diagonal.exp();
    return rows.matmul(permutation.lower.tril(-1) + identity).matmul(permutation.upper.triu(1) + diagonal.diag());
  }
};

TEST_P(PermutationTest, WeightEqualsTheDefinition) {
  const auto permutation = random_permutation();
  const auto map = map_of(permutation);
  EXPECT_TRUE(close(map.weight, matrix(*permutation), 1e-13));
}

TEST_P(PermutationTest, InverseMapRestoresTheInput) {
  const auto map = map_of(random_permutation());
  const auto x = random_normal({2, channels(), 3, 2}, 5);
  EXPECT_TRUE(close(ops::apply(ops::invert(map), ops::apply(map, x)), x, 1e-10));
}

TEST_P(PermutationTest, LogDetEqualsJacobianLogDet) {
  const auto map = map_of(random_permutation());
  const auto x = random_normal({1, channels(), 3, 2}, 6);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return ops::apply(map, z); }, x);
  EXPECT_TRUE(close(map.log_abs_det * 6, expected[0], 1e-8));
}

class LearnedPermutationTest : public PermutationTest {};

TEST_P(LearnedPermutationTest, GradientsMatchFiniteDifferences) {
  auto permutation = random_permutation();
  const auto factor = random_normal({channels(), channels()}, 7);
  const auto function = [&] {
    const auto map = map_of(permutation);
    return (map.weight * factor).sum() + map.log_abs_det;
  };
  function().backward();
  for (const auto& item : permutation->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 16)) << item.key();
  }
}

TEST_P(PermutationTest, InitialWeightIsARotation) {
  Permutation permutation(kind(), channels());
  WeightSource source(8);
  permutation->draw(source);
  permutation->to(torch::kDouble);
  const auto map = map_of(permutation);
  EXPECT_TRUE(close(map.weight.matmul(map.weight.t()), torch::eye(channels()), 1e-5));
  EXPECT_TRUE(close(map.log_abs_det, torch::zeros({}), 1e-5));
  const bool whole_numbers = map.weight.frac().eq(0).all().item<bool>();
  EXPECT_EQ(whole_numbers, kind() == PermutationKind::kReverse || kind() == PermutationKind::kShuffle);
}

TEST_P(PermutationTest, Float32ApproximatesFloat64) {
  auto permutation = random_permutation();
  const auto expected = map_of(permutation);
  permutation->to(torch::kFloat);
  const auto map = map_of(permutation, torch::kFloat);
  EXPECT_EQ(map.weight.scalar_type(), torch::kFloat);
  EXPECT_EQ(map.log_abs_det.scalar_type(), torch::kFloat);
  EXPECT_TRUE(close(map.weight, expected.weight, 1e-5));
  EXPECT_TRUE(close(map.log_abs_det, expected.log_abs_det, 1e-5));
}

constexpr auto kName = [](const auto& test) {
  return to_string(std::get<0>(test.param)) + std::to_string(std::get<1>(test.param));
};

INSTANTIATE_TEST_SUITE_P(Fixed, PermutationTest,
                         ::testing::Combine(::testing::Values(PermutationKind::kReverse, PermutationKind::kShuffle),
                                            ::testing::Values(4, 8, 12, 20)),
                         kName);

const auto kLearned = ::testing::Combine(::testing::Values(PermutationKind::kConv1x1, PermutationKind::kLU),
                                         ::testing::Values(4, 8, 12, 20));
INSTANTIATE_TEST_SUITE_P(Learned, PermutationTest, kLearned, kName);
INSTANTIATE_TEST_SUITE_P(Learned, LearnedPermutationTest, kLearned, kName);

TEST(ReverseTest, ReversesTheChannels) {
  EXPECT_TRUE(map_of(Permutation(PermutationKind::kReverse, 5), torch::kFloat).weight.equal(torch::eye(5).flip(0)));
}

TEST(LUTest, InitialFactorsAreZeroOutsideTheirTriangles) {
  Permutation permutation(PermutationKind::kLU, 12);
  WeightSource source(9);
  permutation->draw(source);
  EXPECT_TRUE(permutation->lower.equal(permutation->lower.tril(-1)));
  EXPECT_TRUE(permutation->upper.equal(permutation->upper.triu(1)));
  EXPECT_TRUE(permutation->sign_diagonal.abs().eq(1).all().item<bool>());
}

TEST(LUTest, OnlyTheStrictTrianglesHaveGradients) {
  Permutation permutation(PermutationKind::kLU, 6);
  permutation->to(torch::kDouble);
  randomize(permutation, 10);
  map_of(permutation).weight.square().sum().backward();
  EXPECT_TRUE(permutation->lower.grad().equal(permutation->lower.grad().tril(-1)));
  EXPECT_TRUE(permutation->upper.grad().equal(permutation->upper.grad().triu(1)));
  EXPECT_FALSE(permutation->sign_diagonal.requires_grad());
}

}  // namespace
}  // namespace glow::nn::permutation_test
