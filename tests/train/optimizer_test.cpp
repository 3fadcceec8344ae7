#include <glow/train/optimizer.h>

#include <cmath>
#include <limits>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/train/schedule.h>

#include "support/reference.h"
#include "support/tensors.h"

namespace glow::train::optimizer_test {
namespace {

using glow::testing::close;
using glow::testing::expected_tensors;
using glow::testing::random_normal;

class OptimizerAgainstReference : public ::testing::TestWithParam<OptimizerKind> {};

TEST_P(OptimizerAgainstReference, TakesTheSame1000Steps) {
  auto reference = expected_tensors("optimizer");
  const auto& gradients = reference.at("gradients");
  const auto& rates = reference.at("lr");
  const auto& expected = reference.at(to_string(GetParam()));
  const Schedule schedule({.batch = 256, .learning_rate = 1e-3}, 64, 64);

  auto parameters = reference.at("initial").clone();
  Optimizer optimizer(GetParam(), parameters, schedule.beta2());
  for (std::int64_t t = 0; t < gradients.size(0); ++t) {
    EXPECT_DOUBLE_EQ(schedule.learning_rate(t), rates[t].item<double>());
    optimizer.step(parameters, gradients[t], schedule.learning_rate(t));
    ASSERT_TRUE(close(parameters, expected[t], 1e-12)) << "step " << t;
  }
  EXPECT_EQ(optimizer.steps, 1000);
}

/// In float32 the path stays as near as a thousand roundings allow.
TEST_P(OptimizerAgainstReference, StaysNearInFloat32) {
  auto reference = expected_tensors("optimizer");
  const auto gradients = reference.at("gradients").to(at::kFloat);
  auto parameters = reference.at("initial").to(at::kFloat);
  const Schedule schedule({.batch = 256, .learning_rate = 1e-3}, 64, 64);
  Optimizer optimizer(GetParam(), parameters, schedule.beta2());
  for (std::int64_t t = 0; t < gradients.size(0); ++t) {
    optimizer.step(parameters, gradients[t], schedule.learning_rate(t));
  }
  EXPECT_TRUE(close(parameters, reference.at(to_string(GetParam()))[-1], 1e-4));
}

/// The average follows on the way as it would on its own, and what is not wanted changes nothing.
TEST_P(OptimizerAgainstReference, AppliesWithAnAverageAndOnlyWhatIsWanted) {
  for (const double decay : {0.0, 0.3, 0.9}) {
    auto expected = random_normal({9000}, 1), actual = expected.clone();
    const auto gradients = random_normal({9000}, 2);
    Optimizer plain(GetParam(), expected, 0.99), fused(GetParam(), actual, 0.99);
    WeightAverage expected_average(expected, decay), average(actual, decay);
    for (int step = 0; step < 3; ++step) {
      plain.step(expected, gradients, 1e-2);
      expected_average.update(expected);
      fused.prepare(1e-2);
      fused.apply(actual, gradients, &average, at::zeros({}, at::kBool));
      fused.apply(actual, gradients, &average, at::ones({}, at::kBool));
      ++fused.steps;
      EXPECT_TRUE(actual.equal(expected));
      EXPECT_TRUE(fused.second_moment.equal(plain.second_moment));
      EXPECT_TRUE(close(average.sum, expected_average.sum, 1e-15));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerAgainstReference,
                         ::testing::Values(OptimizerKind::kAdamax, OptimizerKind::kAdam),
                         [](const auto& test) { return to_string(test.param); });

class FlatNorm : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(FlatNorm, IsTheEuclideanNorm) {
  const auto values = random_normal({GetParam()}, 1);
  EXPECT_TRUE(close(flat_norm(values), values.square().sum().sqrt(), 1e-14));
}

INSTANTIATE_TEST_SUITE_P(Sizes, FlatNorm, ::testing::Values(1, 4095, 4096, 4097, 10'000));

TEST(FlatNorm, KeepsItsDigitsOverManyFloats) {
  const auto values = at::full({20'000'000}, 1e-3F);
  EXPECT_NEAR(flat_norm(values).item<double>() / (double{1e-3F} * std::sqrt(2e7)), 1, 1e-5);
}

TEST(ClipNorm, ShortensWhatIsTooLong) {
  const auto gradients = random_normal({5000}, 2);
  const double before = gradients.norm().item<double>();
  auto clipped = gradients.clone();
  clip_norm(clipped, gradients.norm(), 1.5);
  EXPECT_TRUE(close(clipped, gradients * (1.5 / before), 1e-14));
}

TEST(ClipNorm, LeavesWhatIsShortEnough) {
  for (const auto& gradients : {random_normal({100}, 3), at::zeros({100})}) {
    auto clipped = gradients.clone();
    clip_norm(clipped, gradients.norm(), gradients.norm().item<double>() + 1e-6);
    EXPECT_TRUE(clipped.equal(gradients));
  }
}

TEST(ClipNorm, LeavesWhatIsFiniteWhereTheNormIsNot) {
  for (const double broken : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto gradients = torch::tensor({1.0, broken, 3.0});
    clip_norm(gradients, gradients.norm(), 1);
    EXPECT_EQ(gradients[0].item<double>(), 1);
    EXPECT_FALSE(gradients[1].isfinite().item<bool>());
    EXPECT_EQ(gradients[2].item<double>(), 3);
  }
}

}  // namespace
}  // namespace glow::train::optimizer_test
