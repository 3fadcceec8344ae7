#include "nn/prior.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::top_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;
using glow::testing::small_options;

Top random_top(const GlowOptions& options) {
  Top top(options);
  top->to(torch::kDouble);
  randomize(top, 1);
  return top;
}

class TopPriorTest : public ::testing::TestWithParam<bool> {};

TEST_P(TopPriorTest, EqualsAZeroConvOfZeros) {
  TopPrior prior(3, GetParam());
  prior->to(torch::kDouble);
  randomize(prior, 2);
  ZeroConv convolution(2, 6, GetParam());
  convolution->to(torch::kDouble);
  randomize(convolution, 3);  // the inputs' weights must have no effect
  const torch::NoGradGuard no_grad;
  convolution->bias.copy_(prior->bias);
  convolution->log_scale.copy_(prior->log_scale);
  if (GetParam()) convolution->weight.narrow(1, 2, 1).copy_(prior->edge_weight);
  const auto expected = apply(convolution->fold(), torch::zeros({1, 2, 4, 5}, torch::kDouble));
  EXPECT_TRUE(close(prior->mean_and_log_sd(4, 5).expand({1, 6, 4, 5}), expected, 1e-14));
}

INSTANTIATE_TEST_SUITE_P(EdgeBias, TopPriorTest, ::testing::Bool());

TEST(TopTest, IsStandardNormalWithoutALearnedPrior) {
  auto options = small_options();
  options.learn_top = false;
  const Top top(options);
  EXPECT_TRUE(top->parameters().empty());
  const auto shape = latent_shape(options, options.levels - 1);
  const auto z = random_normal({2, shape.channels, shape.height, shape.width}, 3);
  const auto [eps, log_det] = top->whiten(top->fold(torch::kDouble), {}, z);
  EXPECT_TRUE(eps.equal(z));
  EXPECT_TRUE(log_det.eq(0).all().item<bool>());
  EXPECT_EQ(log_det.scalar_type(), torch::kDouble);
}

TEST(TopTest, ClassEmbeddingIsAddedToMeanAndLogSd) {
  auto options = small_options();
  options.num_classes = 3;
  const auto top = random_top(options);
  const auto labels = torch::tensor({2, 0, 2, 1}, torch::kLong);
  const auto folded = top->fold(torch::kDouble);
  const auto shape = latent_shape(options, options.levels - 1);
  const auto z = random_normal({4, shape.channels, shape.height, shape.width}, 3);
  const auto moved = top->whiten(folded, labels, z);
  const auto& embedding = *top->class_embedding;
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto column = embedding.weight.select(1, labels[i].item<std::int64_t>());
    const auto shift = ((column + embedding.bias) * (3 * embedding.log_scale).exp()).view({1, -1, 1, 1});
    const auto expected = DiagonalGaussian::from_halves(folded + shift);
    const auto z_i = z.narrow(0, i, 1);
    EXPECT_TRUE(close(moved.y.narrow(0, i, 1), expected.whiten(z_i), 1e-13));
    EXPECT_TRUE(close(moved.log_det.narrow(0, i, 1), expected.log_det_of_whitening(z_i.sizes()), 1e-12));
  }
  EXPECT_TRUE(close(top->unwhiten(folded, labels, moved.y), z, 1e-13));
}

TEST(TopTest, ALabelOutOfRangeMakesTheDensityOfItsImageNaN) {
  auto options = small_options();
  options.num_classes = 3;
  const auto top = random_top(options);
  const auto shape = latent_shape(options, options.levels - 1);
  const auto folded = top->fold(torch::kDouble);
  const auto z = random_normal({4, shape.channels, shape.height, shape.width}, 2);
  const auto [eps, log_det] = top->whiten(folded, torch::tensor({2, -1, 0, 3}), z);
  EXPECT_TRUE(log_det.isnan().equal(torch::tensor({false, true, false, true})));
  EXPECT_TRUE(eps.isnan().flatten(1).all(1).equal(torch::tensor({false, true, false, true})));
  EXPECT_TRUE(eps.isnan().flatten(1).any(1).equal(torch::tensor({false, true, false, true})));
}

TEST(TopTest, ClassLogitsAreLinearInTheSpatialMean) {
  auto options = small_options(2);
  options.num_classes = 3;
  const auto top = random_top(options);
  const auto shape = latent_shape(options, options.levels - 1);
  const auto z = random_normal({2, shape.channels, shape.height, shape.width}, 4);
  const auto& classifier = *top->classifier;
  const auto mean = z.sum({2, 3}) / static_cast<double>(shape.height * shape.width);
  const auto expected = (mean.matmul(classifier.weight.t()) + classifier.bias) * (3 * classifier.log_scale).exp();
  EXPECT_TRUE(close(top->class_logits(z), expected, 1e-13));
}

TEST(TopTest, GradientsMatchFiniteDifferences) {
  auto options = small_options();
  options.num_classes = 2;
  const auto top = random_top(options);
  const auto shape = latent_shape(options, options.levels - 1);
  const auto z = random_normal({2, shape.channels, shape.height, shape.width}, 5);
  const auto function = [&] {
    const auto [eps, log_det] = top->whiten(top->fold(torch::kDouble), torch::tensor({1, 0}, torch::kLong), z);
    return eps.square().mean() + log_det.mean() / 10 + top->class_logits(z).square().mean();
  };
  function().backward();
  for (const auto& item : top->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 16)) << item.key();
  }
}

}  // namespace
}  // namespace glow::nn::top_test
