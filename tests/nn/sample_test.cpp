#include <glow/nn/latents.h>

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::sample_test {
namespace {

using glow::testing::close;
using glow::testing::random_model;
using glow::testing::small_options;
using glow::testing::throws;

GlowOptions conditional_options() {
  auto options = small_options(3);
  options.num_classes = 5;
  return options;
}

class SampleTest : public ::testing::TestWithParam<bool> {
 protected:
  const GlowOptions options = GetParam() ? conditional_options() : small_options(3);
  Glow model = random_model(options, 1, torch::kFloat);
  torch::NoGradGuard no_grad;
};

TEST_P(SampleTest, EqualsDecodeOfItsLatentsAndLabels) {
  const SampleOptions sampling{.temperature = 0.8, .seed = 2, .first_index = 7};
  const auto expected = model->decode(model->sample_latents(5, sampling), model->sample_labels(5, sampling));
  EXPECT_TRUE(model->sample(5, sampling).equal(expected));
  EXPECT_EQ(expected.sizes(), torch::IntArrayRef({5, 3, 4, 8}));
}

TEST_P(SampleTest, ImageDependsOnSeedAndIndexOnly) {
  const auto latents = flatten(model->sample_latents(7, {.seed = 3, .first_index = 20}));
  const auto images = model->sample(7, {.seed = 3, .first_index = 20});
  const auto labels = model->sample_labels(7, {.seed = 3, .first_index = 20});
  for (std::int64_t i = 0; i < 7; ++i) {
    for (const std::int64_t count : {1, 3}) {
      const SampleOptions sampling{.seed = 3, .first_index = 20 + i};
      EXPECT_TRUE(flatten(model->sample_latents(count, sampling))[0].equal(latents[i]));
      EXPECT_TRUE(close(model->sample(count, sampling)[0], images[i], 1e-5));
      if (labels.defined()) {
        EXPECT_TRUE(model->sample_labels(count, sampling)[0].equal(labels[i]));
      }
    }
  }
}

TEST_P(SampleTest, LatentsDependOnSeedAndIndex) {
  const auto latents = flatten(model->sample_latents(2, {.seed = 3}));
  EXPECT_TRUE(flatten(model->sample_latents(2, {.seed = 3})).equal(latents));
  EXPECT_FALSE(flatten(model->sample_latents(2, {.seed = 4})).eq(latents).any().item<bool>());
  EXPECT_FALSE(latents[0].eq(latents[1]).any().item<bool>());
}

TEST_P(SampleTest, TemperatureMultipliesTheLatentsOfItsLevel) {
  const auto plain = model->sample_latents(3, {.seed = 5});
  const auto both = model->sample_latents(3, {.temperature = 0.7, .seed = 5});
  const auto each = model->sample_latents(3, {.temperature = {0.25, 3.0}, .seed = 5});
  EXPECT_TRUE(close(both.eps[0], plain.eps[0] * 0.7, 1e-6));
  EXPECT_TRUE(close(both.eps[1], plain.eps[1] * 0.7, 1e-6));
  EXPECT_TRUE(close(each.eps[0], plain.eps[0] * 0.25, 1e-6));
  EXPECT_TRUE(close(each.eps[1], plain.eps[1] * 3, 1e-6));
  EXPECT_GT((both.eps[0] - plain.eps[0]).abs().max().item<float>(), 0.1f);
}

TEST_P(SampleTest, TemperatureZeroGivesTheMeanImage) {
  const auto labels = GetParam() ? torch::full({4}, 2, torch::kLong) : torch::Tensor();
  const auto images = model->sample(4, {.temperature = 0.0, .seed = 6, .labels = labels});
  const auto zeros = unflatten(torch::zeros({1, options.dimensions()}), options);
  const auto mean = model->decode(zeros, GetParam() ? labels.narrow(0, 0, 1) : labels);
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_TRUE(close(images[i], mean[0], 1e-6));
  EXPECT_FALSE(
      close(model->sample(1, {.seed = 6, .labels = GetParam() ? labels.narrow(0, 0, 1) : labels})[0], mean[0], 1e-2));
}

TEST_P(SampleTest, LatentsAreStandardNormal) {
  const auto latents = flatten(model->sample_latents(2000, {.seed = 7})).to(torch::kDouble);
  const auto n = static_cast<double>(latents.numel());
  EXPECT_NEAR(latents.mean().item<double>(), 0, 4 / std::sqrt(n));
  EXPECT_NEAR(latents.square().mean().item<double>(), 1, 4 * std::sqrt(2 / n));
}

TEST_P(SampleTest, Float32ApproximatesFloat64) {
  const auto single = model->sample(3, {.seed = 8});
  model->to(torch::kDouble);
  EXPECT_TRUE(close(single, model->sample(3, {.seed = 8}), 1e-5));
}

TEST_P(SampleTest, RefusesInvalidOptions) {
  const auto sampled = [&](const SampleOptions& sampling) { return [&, sampling] { model->sample(2, sampling); }; };
  EXPECT_TRUE(throws<ConfigError>([&] { model->sample(0); }, {"count", "at least 1", "0"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->sample(-1); }, {"count", "at least 1", "-1"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.first_index = -1}), {"index", "-1"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.temperature = -0.5}), {"temperature", "at least 0", "-0.5"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.temperature = std::nan("")}), {"temperature", "nan"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.temperature = std::numeric_limits<double>::infinity()}), {"temperature"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.temperature = {1, 1, 1}}), {"temperature", "2 levels", "got 3"}));
  EXPECT_TRUE(throws<ConfigError>(sampled({.temperature = std::vector<double>{}}), {"temperature", "got 0"}));
}

INSTANTIATE_TEST_SUITE_P(Conditional, SampleTest, ::testing::Bool());

TEST(SampleLabelsTest, AreDrawnUniformly) {
  const auto model = random_model(conditional_options(), 1, torch::kFloat);
  constexpr std::int64_t kCount = 5000;
  const auto counts = model->sample_labels(kCount, {.seed = 9}).bincount({}, 5);
  ASSERT_EQ(counts.numel(), 5);
  const double chi_squared = (counts - kCount / 5).to(torch::kDouble).square().sum().item<double>() / (kCount / 5);
  EXPECT_LT(chi_squared, 18.5);  // 99.9 % quantile of chi-squared with 4 degrees of freedom
  EXPECT_FALSE(random_model(small_options())->sample_labels(3).defined());
}

TEST(SampleLabelsTest, GivenLabelsAreUsed) {
  const torch::NoGradGuard no_grad;
  const auto model = random_model(conditional_options(), 1, torch::kFloat);
  const auto labels = torch::tensor({4, 0, 4}, torch::kLong);
  const SampleOptions sampling{.seed = 10, .labels = labels};
  EXPECT_TRUE(model->sample(3, sampling).equal(model->decode(model->sample_latents(3, sampling), labels)));
  EXPECT_TRUE(throws<ShapeError>([&] { model->sample(2, sampling); }, {"labels", "[3]"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->sample(3, {.labels = labels + 1}); }, {"labels", "0 to 4", "5"}));
  EXPECT_TRUE(throws<ConfigError>([&] { random_model(small_options())->sample(3, sampling); }, {"unconditional"}));
}

}  // namespace
}  // namespace glow::nn::sample_test
