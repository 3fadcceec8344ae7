// Models in float32, whose networks the CPU computes in blocks of pixels where LibTorch and the processor can
// (ops/network_blocks.h), against the same models in float64, which are computed by LibTorch's products.
#include <glow/nn/glow.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::float_model_test {
namespace {

using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::relative_error;
using glow::testing::trained_model;

class FloatModelTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  Glow exact = trained_model(GetParam(), torch::kDouble), model = trained_model(GetParam(), torch::kFloat);
  const torch::Tensor x = random_images(GetParam(), 3, 2);
};

TEST_P(FloatModelTest, DensityIsThatOfFloat64) {
  const torch::NoGradGuard no_grad;
  EXPECT_LE(relative_error(model->log_prob(x.to(torch::kFloat)), exact->log_prob(x.to(torch::kDouble))), 1e-5);
}

TEST_P(FloatModelTest, DecodeInvertsEncode) {
  const torch::NoGradGuard no_grad;
  const auto images = x.to(torch::kFloat);
  const auto latents = model->encode(images);
  EXPECT_LE(relative_error(model->decode(latents), images), 1e-4);
}

TEST_P(FloatModelTest, GradientsAreThoseOfFloat64UnderEveryPolicy) {
  const auto gradients = [&](Glow& each, torch::Dtype dtype) {
    each->zero_grad();
    const auto images = x.to(dtype).clone().requires_grad_();
    each->log_prob(images).mean().backward();
    return at::cat({each->flat_parameters().gradients(), images.grad().flatten()});
  };
  const auto expected = gradients(exact, torch::kDouble);
  for (const auto memory : {MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
    model->set_memory_policy(memory);
    EXPECT_LE(relative_error(gradients(model, torch::kFloat), expected), 1e-3) << to_string(memory);
  }
}

std::vector<GlowOptions> models() {
  std::vector<GlowOptions> all;
  for (const auto& options :
       every_combination({.height = 8, .width = 12, .levels = 2, .depth = 2, .hidden_width = 32})) {
    if (options.channels != 2) all.push_back(options);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Combinations, FloatModelTest, ::testing::ValuesIn(models()), kCaseName);

}  // namespace
}  // namespace glow::nn::float_model_test
