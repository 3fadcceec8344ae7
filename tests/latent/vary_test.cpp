#include <glow/latent/vary.h>

#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/latent/arrange.h>

#include "support/latents.h"
#include "support/throws.h"

namespace glow::latent::vary_test {
namespace {

using glow::testing::close;
using glow::testing::equal;
using glow::testing::random_latents;
using glow::testing::throws;

TEST(Vary, AmountZeroReturnsTheImageBitForBit) {
  const auto images = random_latents(3, 1);
  EXPECT_TRUE(equal(vary(images, {.amount = {0}}), images));
}

TEST(Vary, AmountOneDoesNotDependOnTheImage) {
  const VaryOptions all{.amount = {1}, .seed = 7};
  EXPECT_TRUE(equal(vary(random_latents(2, 1), all), vary(random_latents(2, 2), all)));
}

TEST(Vary, AmountIsPerLevel) {
  const auto images = random_latents(2, 1);
  const auto varied = vary(images, {.amount = {0, 0.5}});
  EXPECT_TRUE(varied.eps[0].equal(images.eps[0]));
  EXPECT_FALSE(varied.eps[1].equal(images.eps[1]));
}

TEST(Vary, DependsOnSeedAndIndexOnly) {
  const auto images = random_latents(5, 1);
  const VaryOptions options{.amount = {0.5}, .seed = 3};
  const auto all = vary(images, options);
  auto last_two = options;
  last_two.indices = {3, 4};
  EXPECT_TRUE(equal(vary(narrow(images, 3, 2), last_two), narrow(all, 3, 2)));
  EXPECT_TRUE(equal(vary(images, options), all));
  auto other = options;
  other.seed = 4;
  EXPECT_FALSE(equal(vary(images, other), all));
  other = options;
  other.draw = 1;
  EXPECT_FALSE(equal(vary(images, other), all));
  other.indices = {0};
  EXPECT_TRUE(throws<ShapeError>([&] { vary(images, other); }, {"1 indices for 5 images"}));
}

class VaryAmounts : public ::testing::TestWithParam<double> {};

TEST_P(VaryAmounts, PreserveTheStandardNormalDistribution) {
  // 500 images of 96 numbers: the estimate of the variance has an error of 1 %.
  const auto varied = nn::flatten(vary(random_latents(500, 1, torch::kDouble), {.amount = {GetParam()}}));
  EXPECT_NEAR(varied.mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(varied.var().item<double>(), 1, 0.03);
}

TEST_P(VaryAmounts, DetermineTheCorrelationWithTheImage) {
  const auto images = random_latents(500, 1, torch::kDouble);
  const auto correlation = (nn::flatten(images) * nn::flatten(vary(images, {.amount = {GetParam()}}))).mean();
  EXPECT_NEAR(correlation.item<double>(), std::sqrt(1 - GetParam() * GetParam()), 0.03);
}

INSTANTIATE_TEST_SUITE_P(, VaryAmounts, ::testing::Values(0.1, 0.5, 0.9, 1.0),
                         [](const auto& test) { return "Percent" + std::to_string(std::lround(100 * test.param)); });

TEST(Vary, TemperatureScalesTheNoise) {
  const auto images = random_latents(2, 1);
  EXPECT_TRUE(close(nn::flatten(vary(images, {.amount = {0.6}, .temperature = 0.0})), nn::flatten(images) * 0.8, 1e-6));
  const auto full = vary(images, {.amount = {1}}), half = vary(images, {.amount = {1}, .temperature = {0.5, 1}});
  EXPECT_TRUE(close(half.eps[0], full.eps[0] * 0.5, 1e-6));
  EXPECT_TRUE(half.eps[1].equal(full.eps[1]));
}

TEST(ResampleFinest, ChangesTheFinestLevelsOnly) {
  const auto images = random_latents(2, 1);
  EXPECT_TRUE(equal(resample_finest(images, 0), images));
  const auto one = resample_finest(images, 1, {.seed = 1}), both = resample_finest(images, 2, {.seed = 1});
  EXPECT_FALSE(one.eps[0].equal(images.eps[0]));
  EXPECT_TRUE(one.eps[1].equal(images.eps[1]));
  EXPECT_FALSE(both.eps[1].equal(images.eps[1]));
  EXPECT_TRUE(both.eps[0].equal(one.eps[0]));
}

TEST(Arrange, ScaleIsPerLevel) {
  const auto images = random_latents(2, 1);
  const auto scaled = scale(images, {0.5, 2});
  EXPECT_TRUE(scaled.eps[0].equal(images.eps[0] * 0.5));
  EXPECT_TRUE(scaled.eps[1].equal(images.eps[1] * 2));
}

TEST(VaryErrors, NameTheField) {
  const auto images = random_latents(2, 1);
  const auto with = [&](VaryOptions options) { return [&images, options] { vary(images, options); }; };
  EXPECT_TRUE(throws<ConfigError>(with({.amount = {1.5}}), {"amount: ", "0 to 1", "1.5"}));
  EXPECT_TRUE(throws<ConfigError>(with({.amount = {}}), {"amount: ", "2 levels", "got 0"}));
  EXPECT_TRUE(throws<ConfigError>(with({.amount = {0, 0, 0}}), {"amount: ", "2 levels", "got 3"}));
  EXPECT_TRUE(throws<ConfigError>(with({.temperature = -1.0}), {"temperature: ", "-1"}));
  EXPECT_TRUE(throws<ConfigError>([&] { resample_finest(images, 3); }, {"resampled: ", "0 to 2", "got 3"}));
}

}  // namespace
}  // namespace glow::latent::vary_test
