#include <glow/train/weight_average.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/train/schedule.h>

#include "support/reference.h"
#include "support/tensors.h"

namespace glow::train::weight_average_test {
namespace {

using glow::testing::close;
using glow::testing::expected_tensors;
using glow::testing::random_normal;

TEST(WeightAverage, FollowsTheReferenceFor1000Steps) {
  const auto reference = expected_tensors("optimizer");
  const auto& path = reference.at("adamax");
  const auto& expected = reference.at("ema");
  WeightAverage average(path[0], Schedule({.batch = 256}, 64, 64).ema_decay());
  for (std::int64_t t = 0; t < path.size(0); ++t) {
    average.update(path[t]);
    ASSERT_TRUE(close(average.value_or({}), expected[t], 1e-12)) << "step " << t;
  }
}

TEST(WeightAverage, OfOneValueIsThatValue) {
  const auto value = random_normal({10}, 1);
  WeightAverage average(value, 0.999);
  for (int t = 0; t < 5; ++t) average.update(value);
  EXPECT_TRUE(close(average.value_or({}), value, 1e-12));
}

TEST(WeightAverage, WithoutDecayIsTheLatestValueExactly) {
  WeightAverage average(at::zeros({10}, at::kFloat), 0);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto value = random_normal({10}, seed).to(at::kFloat);
    average.update(value);
    EXPECT_TRUE(average.value_or({}).equal(value));
  }
}

TEST(WeightAverage, BeforeTheFirstUpdateIsWhatItIsGiven) {
  const auto value = random_normal({10}, 1);
  EXPECT_TRUE(WeightAverage(value, 0.9).value_or(value).equal(value));
}

}  // namespace
}  // namespace glow::train::weight_average_test
