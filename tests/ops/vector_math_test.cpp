#include "ops/vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace glow::ops::vector_math_test {
namespace {

using cpu::exponential;
using cpu::log_of_one_plus;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The error in units of the last place of the correctly rounded result.
double error_in_ulps(float actual, double expected) {
  const auto rounded = static_cast<float>(expected);
  return std::abs(actual - expected) / (std::nextafter(std::abs(rounded), kInfinity) - std::abs(rounded));
}

TEST(VectorMath, ExponentialIsWithinTwoUlps) {
  double largest = 0;
  for (float x = -87; x <= 88; x += 1.0F / 4096)
    largest = std::max(largest, error_in_ulps(exponential(x), std::exp(static_cast<double>(x))));
  for (float x = 1; x > 1e-30F; x *= 0.7F) {
    for (const auto each : {x, -x}) {
      largest = std::max(largest, error_in_ulps(exponential(each), std::exp(static_cast<double>(each))));
    }
  }
  EXPECT_LE(largest, 2);
}

TEST(VectorMath, LogOfOnePlusIsWithinTwoUlps) {
  double largest = 0;
  const auto look_at = [&](float x) {
    largest = std::max(largest, error_in_ulps(log_of_one_plus(x), std::log1p(static_cast<double>(x))));
  };
  for (float x = 0x1p-16F; x <= 1; x += 0x1p-16F) look_at(x);
  for (float x = 1; x > 1e-37F; x *= 0.9F) look_at(x);
  EXPECT_LE(largest, 2);
}

TEST(VectorMath, TakesTheEndsOfTheRange) {
  EXPECT_EQ(exponential(0.0F), 1);
  EXPECT_EQ(exponential(-1000.0F), 0);
  EXPECT_EQ(exponential(-kInfinity), 0);
  EXPECT_EQ(exponential(1000.0F), kInfinity);
  EXPECT_EQ(exponential(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(log_of_one_plus(0.0F), 0);
  EXPECT_TRUE(std::isnan(log_of_one_plus(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace glow::ops::vector_math_test
