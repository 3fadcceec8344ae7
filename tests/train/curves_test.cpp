#include "train/curves.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace glow::train::curves_test {
namespace {

using Steps = std::vector<std::int64_t>;
using Values = std::vector<double>;

/// A wave with a spike to either side.
Curve long_curve(std::int64_t count) {
  Curve curve;
  for (std::int64_t i = 0; i < count; ++i) {
    curve.steps.push_back(10 * i);
    curve.values.push_back(std::sin(static_cast<double>(i) / 1000));
  }
  curve.values[7777] = 50;
  curve.values[8888] = -50;
  return curve;
}

TEST(Thinned, KeepsEndsAndExtremesInOrder) {
  const auto curve = long_curve(100'003);
  const auto thin = thinned(curve, 2000);
  EXPECT_LE(thin.values.size(), 2000U);
  EXPECT_GE(thin.values.size(), 1900U);
  EXPECT_EQ(thin.steps.size(), thin.values.size());
  EXPECT_EQ(thin.steps.front(), 0);
  EXPECT_EQ(thin.steps.back(), 1'000'020);
  EXPECT_TRUE(std::ranges::is_sorted(thin.steps, std::ranges::less_equal()));
  for (std::size_t i = 0; i < thin.steps.size(); ++i) {
    EXPECT_EQ(thin.values[i], curve.values[static_cast<std::size_t>(thin.steps[i] / 10)]);
  }
  EXPECT_EQ(std::ranges::max(thin.values), 50);
  EXPECT_EQ(std::ranges::min(thin.values), -50);
}

TEST(Thinned, LeavesWhatIsShortEnough) {
  const Curve curve{.steps = {1, 2, 3, 4, 5}, .values = {3, 1, 4, 1, 5}, .missing = 2};
  for (const std::size_t most : {5, 6, 2000}) EXPECT_EQ(thinned(curve, most).values, curve.values);
  const auto thin = thinned(curve, 4);
  EXPECT_EQ(thin.steps, (Steps{1, 2, 3, 5}));
  EXPECT_EQ(thin.missing, 2);
}

TEST(Smoothed, LeavesASlopeAndTakesNoiseAway) {
  Curve slope, noisy;
  for (std::int64_t i = 0; i < 4000; ++i) {
    slope.steps.push_back(i);
    slope.values.push_back(0.25 * static_cast<double>(i));
  }
  noisy = slope;
  for (std::size_t i = 0; i < noisy.values.size(); ++i) noisy.values[i] += i % 2 == 0 ? 1 : -1;
  const auto same = smoothed(slope), calm = smoothed(noisy);
  for (std::size_t i = 0; i < slope.values.size(); ++i) {
    EXPECT_NEAR(same.values[i], slope.values[i], 1e-9) << i;
    const auto reach = std::min({std::size_t{100}, i, slope.values.size() - 1 - i});
    EXPECT_LE(std::abs(calm.values[i] - slope.values[i]), 1.01 / static_cast<double>(2 * reach + 1)) << i;
  }
}

TEST(Smoothed, IsTheMeanOfFivePointsOfAShortCurve) {
  const Curve curve{.steps = {1, 2, 3, 4, 5, 6}, .values = {6, 0, 3, 6, 15, 0}};
  EXPECT_EQ(smoothed(curve).values, (Values{6, 3, 6, 4.8, 7, 0}));
  EXPECT_EQ(smoothed(curve).steps, curve.steps);
}

}  // namespace
}  // namespace glow::train::curves_test
