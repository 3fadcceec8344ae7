#include <glow/nn/compute.h>

#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::hidden_precision_test {
namespace {

using glow::testing::close;
using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::relative_error;
using glow::testing::throws;
using glow::testing::trained_model;

class HiddenPrecisionTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  Glow model_in(HiddenPrecision precision) const {
    auto model = trained_model(GetParam(), torch::kFloat);
    model->set_hidden_precision(precision);
    return model;
  }

  Glow full = model_in(HiddenPrecision::kFull), bf16 = model_in(HiddenPrecision::kBf16);
  torch::Tensor x = random_images(GetParam(), 5, 4).to(torch::kFloat);
};

TEST_P(HiddenPrecisionTest, Bf16ApproximatesFullPrecision) {
  const torch::NoGradGuard no_grad;
  const auto expected = full->quantizer().bits_per_dim(full->log_prob(x));
  const auto actual = bf16->quantizer().bits_per_dim(bf16->log_prob(x));
  EXPECT_FALSE(actual.equal(expected));
  EXPECT_TRUE(close(actual, expected, 1e-2));
  EXPECT_FALSE(bf16->sample(4).equal(full->sample(4)));
  EXPECT_LT(relative_error(bf16->sample(4), full->sample(4)), 5e-2);
}

TEST_P(HiddenPrecisionTest, DensityIsEqualWithAndWithoutAGraph) {
  const auto with_graph = bf16->log_prob(x);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(close(bf16->log_prob(x), with_graph, 1e-6));
}

TEST_P(HiddenPrecisionTest, EncodeAndDecodeUseFullPrecision) {
  const torch::NoGradGuard no_grad;
  const auto latents = full->encode(x);
  // The order of calls does not matter: weights cached for one precision are not used for another.
  bf16->log_prob(x);
  EXPECT_TRUE(flatten(bf16->encode(x)).equal(flatten(latents)));
  bf16->sample(2);
  EXPECT_TRUE(bf16->decode(latents).equal(full->decode(latents)));
  EXPECT_FALSE(flatten(bf16->evaluate(x).latents).equal(flatten(latents)));
}

TEST_P(HiddenPrecisionTest, Bf16GradientsApproximateFullForEveryMemoryPolicy) {
  const auto gradient = [&](Glow& model, MemoryPolicy memory) {
    model->set_memory_policy(memory);
    const auto gradients = model->flat_parameters().gradients().zero_();
    model->log_prob(x).mean().backward();
    return gradients.clone();
  };
  const auto stored = gradient(bf16, MemoryPolicy::kStore);
  EXPECT_LT(relative_error(stored, gradient(full, MemoryPolicy::kStore)), 3e-2);
  EXPECT_TRUE(gradient(bf16, MemoryPolicy::kRecompute).equal(stored));
  EXPECT_LT(relative_error(gradient(bf16, MemoryPolicy::kReversible), stored), 3e-2);
}

TEST_P(HiddenPrecisionTest, NaNWeightMakesTheDensityNaN) {
  const torch::NoGradGuard no_grad;
  for (auto* model : {&full, &bf16}) {
    for (const char* name : {"conv1.weight", "conv1.actnorm.bias", "conv1.actnorm.log_scale", "conv2.weight",
                             "conv2.actnorm.bias", "conv3.weight", "conv3.bias"}) {
      const std::string whole = std::string("levels.0.steps.1.coupling.net.") + name;
      auto value = (*model)->named_parameters()[whole].select(0, 0);
      const auto before = value.clone();
      value.fill_(NAN);
      EXPECT_TRUE((*model)->log_prob(x).isnan().all().item<bool>()) << name;
      value.copy_(before);
      EXPECT_TRUE((*model)->log_prob(x).isfinite().all().item<bool>()) << name;
    }
  }
}

std::vector<GlowOptions> models() {
  std::vector<GlowOptions> all;
  for (const auto coupling : {CouplingKind::kAdditive, CouplingKind::kAffine}) {
    for (const bool edge_bias : {false, true}) {
      all.push_back({.height = 8,
                     .width = 16,
                     .levels = 2,
                     .depth = 6,
                     .hidden_width = 24,
                     .coupling = coupling,
                     .edge_bias = edge_bias});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, HiddenPrecisionTest, ::testing::ValuesIn(models()), kCaseName);

TEST(HiddenPrecision, Bf16RequiresAFloat32Model) {
  auto model = trained_model(models().front(), torch::kDouble);
  EXPECT_TRUE(throws<ConfigError>([&] { model->set_hidden_precision(HiddenPrecision::kBf16); }, {"bf16", "Double"}));
  model->set_hidden_precision(HiddenPrecision::kFull);
  EXPECT_EQ(model->hidden_precision(), HiddenPrecision::kFull);
}

}  // namespace
}  // namespace glow::nn::hidden_precision_test
