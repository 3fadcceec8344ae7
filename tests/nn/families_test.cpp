// Tests of the features that only RealNVP and NICE have. The tests of other files run for all families.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <glow/error.h>
#include <glow/nn/glow.h>

#include "nn/coupling_step.h"
#include "ops/squeeze.h"
#include "support/finite_differences.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::families_test {
namespace {

using glow::testing::close;
using glow::testing::kCaseName;
using glow::testing::matches_finite_differences;
using glow::testing::other_families;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::random_normal;
using glow::testing::relative_error;
using glow::testing::some_labels;
using glow::testing::throws;
using glow::testing::trained_model;

GlowOptions small_realnvp() { return other_families().front(); }

/// A step of the model without its batch norm: the mask alone decides which pixels it changes and depends on.
std::shared_ptr<const FlowLayers> masked_coupling(const Glow& model, std::int64_t step) {
  std::vector<CouplingStepImpl*> found;
  for (const auto& module : model->modules()) {
    if (auto* coupling_step = module->as<CouplingStepImpl>()) found.push_back(coupling_step);
  }
  auto& coupling_step = *found.at(static_cast<std::size_t>(step));
  const auto batch_norm = std::exchange(coupling_step.batch_norm, BatchNorm(nullptr));
  const Step* const only = &coupling_step;
  const auto layer = only->layers(std::span(&only, 1), {})->prepared(HiddenPrecision::kFull);
  coupling_step.batch_norm = batch_norm;
  return layer;
}

/// Which pixels of x a coupling changes. `before`: the channel permutation of the steps before the coupling; `order`:
/// that permutation followed by the coupling's own.
torch::Tensor moved_pixels(const FlowLayers& layer, const torch::Tensor& before, const torch::Tensor& order,
                           const torch::Tensor& x) {
  const auto in = ops::squeeze(x).index_select(1, before);
  const auto out = layer.forward(0, in, /*keep=*/false).y.index_select(1, order.argsort());
  return ops::unsqueeze(out).ne(x);
}

/// bool [H, W]: the squares with an even row + column.
torch::Tensor even_squares(std::int64_t height, std::int64_t width) {
  const auto rows = torch::arange(height).unsqueeze(1), columns = torch::arange(width).unsqueeze(0);
  return (rows + columns).remainder(2).eq(0);
}

TEST(RealNVP, FirstScaleHasThreeCheckerboardThenThreeChannelMasks) {
  const torch::NoGradGuard no_grad;
  const auto options = small_realnvp();
  const auto model = trained_model(options, torch::kDouble);  // has the initial permutations
  const auto x = random_images(options, 2, 3);
  const auto channels = level_shape(options, 0).channels;
  auto before = torch::arange(channels, torch::kLong);
  for (std::int64_t step = 0; step < 6; ++step) {
    const auto order = before.index_select(0, realnvp_order(options, 0, step));
    const auto moved = moved_pixels(*masked_coupling(model, step), before, order, x);
    auto expected = even_squares(options.height, options.width).logical_xor(torch::tensor(step != 1));
    if (step >= 3) {
      // The second or first half of the squeezed channels: with one image channel, the odd or even rows.
      const bool second_moves = step != 4;
      expected = torch::arange(options.height).remainder(2).eq(second_moves ? 1 : 0).unsqueeze(1);
    }
    EXPECT_TRUE(moved.equal(expected.expand_as(moved))) << "step " << step;
    before = order;
  }
  EXPECT_TRUE(before.equal(torch::arange(channels, torch::kLong))) << "what the split halves";
}

TEST(RealNVP, LastScaleHasFourCheckerboardMasks) {
  const auto options = small_realnvp();
  EXPECT_EQ(step_count(options, 0), 6);
  ASSERT_EQ(step_count(options, 1), 4);
  auto order = torch::arange(level_shape(options, 1).channels, torch::kLong);
  for (std::int64_t step = 0; step < 4; ++step) {
    order = order.index_select(0, realnvp_order(options, 1, step));
    const auto stays = order.narrow(0, 0, order.size(0) / 2);
    const auto square = stays.remainder(4);  // dy*2 + dx
    const auto is_even = square.eq(0).logical_or(square.eq(3));
    EXPECT_TRUE(step % 2 == 0 ? is_even.all().item<bool>() : !is_even.any().item<bool>()) << "step " << step;
  }
}

TEST(RealNVP, NormalizesByBatchMomentsAndDifferentiatesThem) {
  const auto options = small_realnvp();
  auto model = random_model(options);
  model->train();
  const auto x = random_images(options, 3, 4).requires_grad_();
  const auto weight = random_normal({3}, 5);
  const auto function = [&] {
    const torch::AutoGradMode with_graph(true);  // without a graph the running moments are used
    return (model->log_prob(x) * weight).sum();
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad(), 8));
  for (const auto& item : model->named_parameters()) {
    if (!item.value().requires_grad()) continue;
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 2)) << item.key();
  }
  // An image's density depends on its batch.
  EXPECT_FALSE(close(model->log_prob(x.narrow(0, 0, 1)), model->log_prob(x).narrow(0, 0, 1), 1e-3));
}

TEST(RealNVP, BatchNormGivesMeanZeroAndVarianceOne) {
  const auto x = random_normal({4, 6, 3, 5}, 1) * 3 + 2;
  const auto given = channel_moments(x);
  const auto y = normalize(given, x);
  const auto moments = channel_moments(y);
  EXPECT_TRUE(close(moments.mean, torch::zeros(6), 1e-12));
  EXPECT_TRUE(close(moments.variance, torch::ones(6), 1e-5));  // variance / (variance + 1e-5)
  EXPECT_TRUE(close(denormalize(given, y), x, 1e-12));
  EXPECT_TRUE(close(normalizing_log_det(given), -0.5 * (given.variance + 1e-5).log().sum(), 1e-12));
}

TEST(RealNVP, RunningMomentsAreUpdatedOnlyOnRequest) {
  const auto options = small_realnvp();
  auto model = random_model(options);
  model->train();
  const auto x = random_images(options, 3, 4);
  const auto encoding = model->evaluate(x);
  ASSERT_EQ(encoding.batch_moments.size(), 10u);  // six on the first level, four on the last
  const auto name = "levels.0.steps.0.batch_norm.running_mean";
  const auto before = model->named_parameters()[name].clone();
  model->update_batch_norms(encoding, torch::tensor(false));
  EXPECT_TRUE(model->named_parameters()[name].equal(before));
  model->update_batch_norms(encoding, torch::tensor(true));
  const auto expected = before * 0.9 + encoding.batch_moments.front().mean * 0.1;
  EXPECT_TRUE(close(model->named_parameters()[name], expected, 1e-12));

  // A NaN in a batch that is not used must not reach the running moments, as it would by 0 * NaN.
  auto broken = encoding;
  broken.batch_moments.front().mean = broken.batch_moments.front().mean * NAN;
  const auto whole = model->flat_parameters().values().clone();
  model->update_batch_norms(broken, torch::tensor(false));
  EXPECT_TRUE(model->flat_parameters().values().equal(whole));
}

TEST(RealNVP, UsesRunningMomentsInEvaluationAndWithoutAGraph) {
  const auto options = small_realnvp();
  auto model = random_model(options);
  const auto x = random_images(options, 3, 4);
  const auto expected = model->log_prob(x).detach();
  model->train();
  EXPECT_FALSE(close(model->log_prob(x), expected, 1e-3));
  EXPECT_TRUE(throws<Error>([&] { model->decode(model->encode(x)); }, {"batch norm"}));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(close(model->log_prob(x), expected, 1e-12));
  EXPECT_TRUE(close(model->decode(model->encode(x)), x, 1e-10));
}

TEST(RealNVP, InitializationSetsRunningMomentsFromTheImages) {
  const auto options = small_realnvp();
  Glow model(options, 1);
  model->to(torch::kDouble);
  const auto x = random_images(options, 64, 6);
  model->initialize(x, {.chunk = 10});
  const auto in_evaluation = model->log_prob(x).detach();
  model->train();
  EXPECT_TRUE(close(model->log_prob(x), in_evaluation, 1e-9));
  model->eval();
  EXPECT_TRUE(close(model->log_prob(x), in_evaluation, 1e-9));
}

TEST(NICE, OnlyTheScalingContributesToTheLogDet) {
  const torch::NoGradGuard no_grad;
  for (const auto& options : other_families()) {
    if (options.family != Family::kNICE || options.prior == PriorKind::kLogistic) continue;
    const auto model = random_model(options);
    const auto scaling = model->named_parameters()["top.scaling.log_scale"];
    EXPECT_TRUE(close(model->evaluate(random_images(options, 2, 3)).log_det, (3 * scaling.sum()).expand({2}), 1e-10));
  }
}

TEST(NICE, LogisticPriorIsEvaluatedOnTheScaledLatents) {
  const torch::NoGradGuard no_grad;
  auto options = other_families().back();
  ASSERT_EQ(options.prior, PriorKind::kLogistic);
  const auto logistic = random_model(options);
  options.prior = PriorKind::kGaussian;
  const auto gaussian = random_model(options);
  const auto x = random_images(options, 3, 4);
  // Both models have the same weights, so the scaled latents are the Gaussian model's eps.
  const auto eps = flatten(gaussian->encode(x));
  const auto log_density = -eps - 2 * (-eps).exp().log1p();
  const auto expected = gaussian->evaluate(x).log_det + log_density.sum(1);
  EXPECT_TRUE(close(logistic->log_prob(x), expected, 1e-10));
}

class FamilyPrecisionTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(FamilyPrecisionTest, Bf16ApproximatesFullPrecisionAndEncodesInFull) {
  auto full = trained_model(GetParam(), torch::kFloat), bf16 = trained_model(GetParam(), torch::kFloat);
  full->eval();
  bf16->eval();
  bf16->set_hidden_precision(HiddenPrecision::kBf16);
  const auto x = random_images(GetParam(), 5, 4).to(torch::kFloat);
  const auto labels = some_labels(GetParam(), 5);
  const auto gradient = [&](Glow& model, MemoryPolicy memory) {
    model->set_memory_policy(memory);
    const auto gradients = model->flat_parameters().gradients().zero_();
    model->log_prob(x, labels).mean().backward();
    return gradients.clone();
  };
  const auto stored = gradient(bf16, MemoryPolicy::kStore);
  EXPECT_LT(relative_error(stored, gradient(full, MemoryPolicy::kStore)), 3e-2);
  EXPECT_LT(relative_error(gradient(bf16, MemoryPolicy::kRecompute), stored), 1e-6);
  EXPECT_LT(relative_error(gradient(bf16, MemoryPolicy::kReversible), stored), 3e-2);

  const torch::NoGradGuard no_grad;
  const auto expected = full->log_prob(x, labels), actual = bf16->log_prob(x, labels);
  EXPECT_FALSE(actual.equal(expected));
  EXPECT_TRUE(close(actual, expected, 1e-2));
  EXPECT_TRUE(flatten(bf16->encode(x, labels)).equal(flatten(full->encode(x, labels))));
}

INSTANTIATE_TEST_SUITE_P(OtherFamilies, FamilyPrecisionTest, ::testing::ValuesIn(other_families()), kCaseName);

TEST(FamilyChain, ReversiblePolicyReportsReconstructionError) {
  auto model = trained_model(small_realnvp(), torch::kFloat);
  model->train();
  model->set_memory_policy(MemoryPolicy::kReversible);
  const auto encoding = model->evaluate(random_images(small_realnvp(), 3, 4));
  encoding.log_prob.mean().backward();
  EXPECT_GT(encoding.reconstruction_error.item<double>(), 0);
  EXPECT_LT(encoding.reconstruction_error.item<double>(), 1e-4);
}

TEST(FamilyChain, RefusesSecondDerivatives) {
  auto model = trained_model(small_realnvp(), torch::kDouble);
  model->set_memory_policy(MemoryPolicy::kRecompute);
  const auto x = random_images(small_realnvp(), 2, 4).requires_grad_();
  EXPECT_TRUE(throws<Error>(
      [&] { torch::autograd::grad({model->log_prob(x).sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true); },
      {"cannot be differentiated again"}));
}

}  // namespace
}  // namespace glow::nn::families_test
