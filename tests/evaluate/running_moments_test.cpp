#include <glow/evaluate/running_moments.h>

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/tensors.h"
#include "support/throws.h"

namespace glow::evaluate::running_moments_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;
using glow::testing::throws;

RunningMoments moments_of(const torch::Tensor& rows, std::int64_t batch) {
  RunningMoments moments;
  for (const auto& part : rows.split(batch)) moments.add(part);
  return moments;
}

class RunningMomentsShape : public ::testing::TestWithParam<std::vector<std::int64_t>> {};

TEST_P(RunningMomentsShape, AreThoseOfAllRowsHoweverTheyAreCut) {
  const auto rows = random_normal(GetParam(), 1) * 3 + 5;
  for (const std::int64_t batch : {1, 2, 7, 100}) {
    const auto moments = moments_of(rows, batch);
    EXPECT_EQ(moments.count(), rows.size(0));
    EXPECT_TRUE(close(moments.mean(), rows.mean(0), 1e-13));
    EXPECT_TRUE(close(moments.variance(), rows.var(0, /*unbiased=*/true), 1e-12));
    EXPECT_TRUE(close(moments.standard_error(), rows.std(0, /*unbiased=*/true) / std::sqrt(23.0), 1e-12));
  }
}

INSTANTIATE_TEST_SUITE_P(ScalarsVectorsAndMore, RunningMomentsShape,
                         ::testing::Values(std::vector<std::int64_t>{23}, std::vector<std::int64_t>{23, 5},
                                           std::vector<std::int64_t>{23, 2, 3}));

TEST(RunningMomentsTest, MergedAreThoseOfAll) {
  const auto rows = random_normal({30, 4}, 2);
  auto moments = moments_of(rows.narrow(0, 0, 11), 4);
  moments.merge(RunningMoments());
  moments.merge(moments_of(rows.narrow(0, 11, 19), 5));
  EXPECT_EQ(moments.count(), 30);
  EXPECT_TRUE(close(moments.mean(), rows.mean(0), 1e-13));
  EXPECT_TRUE(close(moments.variance(), rows.var(0, /*unbiased=*/true), 1e-12));
  RunningMoments empty;
  empty.merge(moments);
  EXPECT_TRUE(empty.mean().equal(moments.mean()));
}

TEST(RunningMomentsTest, LargeMeanCostsNoDigitsOfTheVariance) {
  // A sum of squares would have lost all of them: (1e9)^2 has no room for 1 in float64.
  const auto rows = random_normal({1000}, 3);
  EXPECT_TRUE(close(moments_of(rows + 1e9, 10).variance(), rows.var(/*unbiased=*/true), 1e-6));
}

TEST(RunningMomentsTest, KeepsFloat64AndSharesNothingWithItsRows) {
  auto rows = random_normal({1, 3}, 4).to(torch::kFloat);
  const auto moments = moments_of(rows, 1);
  const auto expected = rows.to(torch::kDouble)[0].clone();
  rows.zero_();
  EXPECT_EQ(moments.mean().scalar_type(), torch::kDouble);
  EXPECT_TRUE(moments.mean().equal(expected));
}

TEST(RunningMomentsTest, EmptyBatchChangesNothing) {
  RunningMoments moments;
  moments.add(torch::zeros({0, 7}));
  moments.add(torch::ones({2, 3}));
  EXPECT_EQ(moments.count(), 2);
}

TEST(RunningMomentsErrors, TooFewRowsAndOtherShapes) {
  RunningMoments moments;
  EXPECT_TRUE(throws<ConfigError>([&] { moments.mean(); }, {"at least 1 rows", "were 0"}));
  moments.add(torch::ones({1, 3}));
  EXPECT_TRUE(throws<ConfigError>([&] { moments.variance(); }, {"at least 2 rows", "were 1"}));
  EXPECT_TRUE(throws<ShapeError>([&] { moments.add(torch::ones({1, 4})); }, {"[3]", "[4]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { moments.add(torch::ones({})); }, {"[N, ...]"}));
  EXPECT_EQ(moments.count(), 1);
}

}  // namespace
}  // namespace glow::evaluate::running_moments_test
