#include <glow/nn/compute.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <glow/error.h>

#include "compat/counting_allocator.h"
#include "support/flow_layers.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::memory_policy_test {
namespace {

using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::random_normal;
using glow::testing::relative_error;
using glow::testing::throws;
using glow::testing::trained_model;

/// The gradient of the mean log-density with respect to all parameters and the images.
torch::Tensor gradient(const GlowOptions& options, torch::Dtype dtype, MemoryPolicy memory) {
  auto model = trained_model(options, dtype);
  model->set_memory_policy(memory);
  const auto x = random_images(options, 3, 4).to(dtype).requires_grad_();
  const auto gradients = model->flat_parameters().gradients();
  model->log_prob(x, glow::testing::some_labels(options, 3)).mean().backward();
  return at::cat({gradients, x.grad().flatten()});
}

class MemoryPolicyTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(MemoryPolicyTest, EveryPolicyGivesTheSameGradient) {
  for (const auto& [dtype, tolerance] : {std::pair{torch::kDouble, 1e-9}, std::pair{torch::kFloat, 1e-4}}) {
    const auto stored = gradient(GetParam(), dtype, MemoryPolicy::kStore);
    for (const auto memory : {MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
      EXPECT_LE(relative_error(gradient(GetParam(), dtype, memory), stored), tolerance)
          << to_string(memory) << " " << dtype;
    }
  }
}

std::vector<GlowOptions> deep_models() {
  std::vector<GlowOptions> all;
  const GlowOptions base{.height = 8, .width = 16, .levels = 3, .depth = 16, .hidden_width = 8};
  for (const auto& options : glow::testing::every_combination(base)) {
    if (options.channels == 3 && options.edge_bias) all.push_back(options);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Deep, MemoryPolicyTest, ::testing::ValuesIn(deep_models()), kCaseName);
// The models are in training mode, in which RealNVP's batch norms use the moments of the batch.
INSTANTIATE_TEST_SUITE_P(OtherFamilies, MemoryPolicyTest, ::testing::ValuesIn(glow::testing::other_families()),
                         kCaseName);

/// Compares the chain's hand-written backward pass with autograd on the definition of the steps.
class ChainTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(ChainTest, MatchesAutogradOfTheStepsInOrder) {
  const auto shape = level_shape(GetParam(), 0);
  Level level(GetParam(), 0);
  level->to(torch::kDouble);
  glow::testing::randomize(level, 5);
  const auto x = random_normal({3, shape.channels, shape.height, shape.width}, 6);
  const auto y_weight = random_normal(x.sizes(), 7), log_det_weight = random_normal({3}, 8);
  const auto gradients = [&](auto&& chain) {
    level->zero_grad();
    const auto input = x.clone().requires_grad_();
    const ChainResult result = chain(input);
    ((result.y * y_weight).sum() + (result.log_det * log_det_weight).sum()).backward();
    std::vector<torch::Tensor> all{result.y.detach(), result.log_det.detach(), input.grad()};
    for (const auto& parameter : level->parameters()) {
      if (parameter.grad().defined()) all.push_back(parameter.grad().clone());
    }
    return all;
  };
  const auto expected = gradients([&](const auto& input) {
    ChainResult chain{input, torch::zeros({3}, input.options()), {}};
    for (const auto* step : level->all_steps()) {
      const auto& flow_step = dynamic_cast<const FlowStepImpl&>(*step);
      const auto result = glow::testing::plain_flow_step(flow_step, chain.y, GetParam().edge_bias);
      chain = {result.y, chain.log_det + result.log_det, {}};
    }
    return chain;
  });
  for (const auto memory : {MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
    const auto actual =
        gradients([&](const auto& input) { return apply_layers(*level->fold().layers, input, {.memory = memory}); });
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_TRUE(glow::testing::close(actual[i], expected[i], 1e-9)) << to_string(memory) << " " << i;
    }
  }
  const torch::NoGradGuard no_grad;
  const auto result = apply_layers(*glow::testing::prepared(*level->fold().layers), x);
  EXPECT_TRUE(glow::testing::close(result.y, expected[0], 1e-11));
  EXPECT_TRUE(glow::testing::close(result.log_det, expected[1], 1e-11));
}

INSTANTIATE_TEST_SUITE_P(Combinations, ChainTest,
                         ::testing::ValuesIn(glow::testing::every_combination(
                             {.height = 4, .width = 6, .levels = 2, .depth = 3, .hidden_width = 5})),
                         kCaseName);

TEST(Chain, ReversiblePolicyReportsReconstructionError) {
  const GlowOptions options{.height = 8, .width = 8, .levels = 2, .depth = 6, .hidden_width = 8};
  const auto error = [&](torch::Dtype dtype, MemoryPolicy memory) {
    auto model = trained_model(options, dtype);
    model->set_memory_policy(memory);
    const auto encoding = model->evaluate(random_images(options, 3, 4));
    encoding.log_prob.mean().backward();
    return encoding.reconstruction_error;
  };
  const double in_float = error(torch::kFloat, MemoryPolicy::kReversible).item<double>();
  EXPECT_GT(in_float, 1e-8);
  EXPECT_LT(in_float, 1e-5);
  const double in_double = error(torch::kDouble, MemoryPolicy::kReversible).item<double>();
  EXPECT_GT(in_double, 1e-17);
  EXPECT_LT(in_double, 1e-14);
  EXPECT_FALSE(error(torch::kFloat, MemoryPolicy::kStore).defined());
  EXPECT_FALSE(error(torch::kFloat, MemoryPolicy::kRecompute).defined());
}

TEST(Chain, RefusesSecondDerivatives) {
  const GlowOptions options{.height = 4, .width = 4, .levels = 1, .depth = 1, .hidden_width = 4};
  auto model = trained_model(options, torch::kDouble);
  const auto x = random_images(options, 2, 4).requires_grad_();
  EXPECT_TRUE(throws<Error>(
      [&] { torch::autograd::grad({model->log_prob(x).sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true); },
      {"cannot be differentiated again"}));
}

TEST(Chain, RefusesParametersThatChangedBeforeTheBackwardPass) {
  const GlowOptions options{.height = 4, .width = 4, .levels = 1, .depth = 2, .hidden_width = 4};
  auto model = trained_model(options, torch::kDouble);
  const auto loss = model->log_prob(random_images(options, 2, 4)).mean();
  {
    const torch::NoGradGuard no_grad;
    model->parameters().front().mul_(2);
  }
  EXPECT_TRUE(throws<Error>([&] { loss.backward(); }, {"changed between the forward and the backward pass"}));
}

TEST(AddedGradients, AreNotAPropertyOfCopies) {
  auto model = trained_model({.height = 4, .width = 4, .levels = 1, .depth = 1, .hidden_width = 4}, torch::kDouble);
  model->set_adds_gradients(true);
  EXPECT_FALSE(std::dynamic_pointer_cast<GlowImpl>(model->clone())->adds_gradients());
}

/// The peak memory, in bytes, of a density and its gradient for a model of one level whose weights are small compared
/// to the flow variable.
std::int64_t peak_memory(MemoryPolicy memory, std::int64_t depth, std::int64_t images) {
  const GlowOptions options{.height = 64, .width = 64, .levels = 1, .depth = depth, .hidden_width = 16};
  const auto x = random_images(options, images, 1).to(torch::kFloat);
  Glow model(options, 1);
  model->mark_initialized();
  model->set_memory_policy(memory);
  model->flat_parameters().gradients();
  const auto before = compat::cpu_memory();
  compat::reset_peak_cpu_memory();
  model->log_prob(x).mean().backward();
  return compat::peak_cpu_memory() - before;
}

/// The growth of the peak memory per step, in units of one image's flow variable. The difference between two batch
/// sizes removes the contribution of the weights.
double growth(MemoryPolicy memory) {
  const auto of_depth = [&](std::int64_t images) {
    return peak_memory(memory, 24, images) - peak_memory(memory, 8, images);
  };
  constexpr double kBytesOfAnImage = 12 * 32 * 32 * sizeof(float);
  return static_cast<double>(of_depth(8) - of_depth(4)) / 4 / 16 / kBytesOfAnImage;
}

TEST(MemoryPolicy, DecidesHowMemoryGrowsWithDepth) {
  compat::count_cpu_memory();
  EXPECT_GT(growth(MemoryPolicy::kStore), 3);
  EXPECT_GT(growth(MemoryPolicy::kRecompute), 0.9);
  EXPECT_LE(growth(MemoryPolicy::kRecompute), 1.2);
  EXPECT_LE(growth(MemoryPolicy::kReversible), 0.05);
}

TEST(MemoryPolicyNames, RoundTripThroughText) {
  for (const auto policy : {MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
    auto read = MemoryPolicy::kStore;
    from_string(to_string(policy), read);
    EXPECT_EQ(read, policy);
  }
  auto policy = MemoryPolicy::kStore;
  EXPECT_TRUE(throws<ConfigError>([&] { from_string("less", policy); }, {"memory", "'less'", "recompute"}));
}

}  // namespace
}  // namespace glow::nn::memory_policy_test
