#include <glow/nn/glow.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::glow_gradient_test {
namespace {

using glow::testing::kCaseName;
using glow::testing::matches_finite_differences;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::random_normal;
using glow::testing::some_labels;

class GlowGradientTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  Glow model = random_model(GetParam());
  const torch::Tensor labels = some_labels(GetParam(), 2);
};

TEST_P(GlowGradientTest, LogProbGradientMatchesFiniteDifferences) {
  const auto x = random_images(GetParam(), 2, 2).requires_grad_();
  const auto function = [&] {
    const auto encoding = model->evaluate(x, labels);
    const auto value = encoding.log_prob.mean();
    return encoding.class_logits.defined() ? value + encoding.class_logits.square().mean() : value;
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad(), 8));
  for (const auto& item : model->named_parameters()) {
    if (!item.value().requires_grad()) continue;  // running moments
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad())) << item.key();
  }
}

TEST_P(GlowGradientTest, DecodeGradientMatchesFiniteDifferences) {
  const auto rows = random_normal({2, GetParam().dimensions()}, 3).requires_grad_();
  const auto function = [&] { return model->decode(unflatten(rows, GetParam()), labels).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, rows, rows.grad(), 8));
  for (const auto& item : model->named_parameters()) {
    if (item.key().starts_with("top.classifier")) continue;  // reads the top latent but is not part of the flow
    if (!item.value().requires_grad()) continue;             // running moments
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 2)) << item.key();
  }
}

std::vector<GlowOptions> cases() {
  const auto additive = CouplingKind::kAdditive;
  GlowOptions conv1x1{.channels = 1, .height = 4, .width = 8, .levels = 2, .depth = 2, .hidden_width = 4};
  auto lu = conv1x1, shuffle = conv1x1, reverse = conv1x1;
  lu.permutation = PermutationKind::kLU;
  lu.coupling = additive;
  lu.channels = 2;
  shuffle.permutation = PermutationKind::kShuffle;
  shuffle.edge_bias = false;
  shuffle.num_classes = 3;
  shuffle.channels = 3;
  shuffle.height = 8;
  shuffle.width = 4;
  reverse.permutation = PermutationKind::kReverse;
  reverse.coupling = additive;
  reverse.edge_bias = false;
  reverse.learn_top = false;
  reverse.channels = 5;
  reverse.width = 4;
  return {conv1x1, lu, shuffle, reverse};
}

INSTANTIATE_TEST_SUITE_P(Models, GlowGradientTest, ::testing::ValuesIn(cases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, GlowGradientTest, ::testing::ValuesIn(glow::testing::other_families()),
                         kCaseName);

}  // namespace
}  // namespace glow::nn::glow_gradient_test
