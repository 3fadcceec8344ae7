#include <glow/nn/flat_parameters.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::flat_parameters_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::small_options;

Glow clone_of(const Glow& model) { return Glow(std::dynamic_pointer_cast<GlowImpl>(model->clone())); }

/// Expects the parameters to be consecutive views of the buffer, in the order of named_parameters, without gaps.
void expect_views(Glow model) {
  auto flat = model->flat_parameters().values();
  EXPECT_FALSE(flat.requires_grad());
  std::int64_t offset = 0;
  for (const auto& item : model->named_parameters()) {
    const auto& parameter = item.value();
    EXPECT_TRUE(parameter.requires_grad()) << item.key();
    EXPECT_TRUE(parameter.is_leaf()) << item.key();
    EXPECT_EQ(parameter.scalar_type(), flat.scalar_type()) << item.key();
    EXPECT_TRUE(parameter.storage().is_alias_of(flat.storage())) << item.key();
    EXPECT_EQ(parameter.storage_offset(), offset) << item.key();
    if (parameter.dim() == 4) {
      EXPECT_TRUE(parameter.is_contiguous(at::MemoryFormat::ChannelsLast)) << item.key();
    }
    offset += parameter.numel();
  }
  EXPECT_EQ(offset, flat.numel());
}

class FlatParametersTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  const torch::Tensor x = random_images(GetParam(), 3, 2);
  Glow model = random_model(GetParam());
  torch::Tensor log_prob(const Glow& of) {
    const torch::NoGradGuard no_grad;
    return of->log_prob(x);
  }
};

TEST_P(FlatParametersTest, ParametersAreViewsOfTheBuffer) {
  expect_views(Glow(GetParam()));
  expect_views(model);  // in float64
}

TEST_P(FlatParametersTest, ParametersStayViewsAfterADtypeChange) {
  const auto exact = log_prob(model);
  model->to(torch::kFloat);
  expect_views(model);
  EXPECT_EQ(model->dtype(), torch::kFloat);
  EXPECT_TRUE(close(log_prob(model), exact, 1e-5));
  model->to(torch::Device(torch::kCPU), torch::kDouble);
  expect_views(model);
  EXPECT_EQ(model->dtype(), torch::kDouble);
  EXPECT_TRUE(close(log_prob(model), exact, 1e-5));
  model->to(torch::Device(torch::kCPU));
  expect_views(model);
}

TEST_P(FlatParametersTest, CloneIsEqualAndIndependent) {
  const auto before = log_prob(model);
  auto copy = clone_of(model);
  expect_views(copy);
  expect_views(model);
  EXPECT_TRUE(copy->initialized());
  EXPECT_EQ(copy->is_training(), model->is_training());
  EXPECT_TRUE(log_prob(copy).equal(before));
  const torch::NoGradGuard no_grad;
  copy->flat_parameters().values().mul_(1.01);
  for (auto& buffer : copy->buffers()) buffer.zero_();
  EXPECT_TRUE(log_prob(model).equal(before));
  auto other = clone_of(model);
  model->flat_parameters().values().mul_(1.01);
  EXPECT_TRUE(log_prob(other).equal(before));
}

TEST_P(FlatParametersTest, GradientsAccumulateInTheBuffer) {
  auto& flat = model->flat_parameters();
  const auto gradients = flat.gradients();
  EXPECT_TRUE(gradients.eq(0).all().item<bool>());
  model->log_prob(x).mean().backward();
  const auto once = gradients.clone();
  EXPECT_GT(once.ne(0).to(torch::kDouble).mean().item<double>(), 0.5);
  std::int64_t offset = 0;
  for (const auto& item : model->named_parameters()) {
    const auto& gradient = item.value().grad();
    EXPECT_EQ(gradient.storage_offset(), offset) << item.key();
    EXPECT_TRUE(gradient.storage().is_alias_of(gradients.storage())) << item.key();
    EXPECT_EQ(gradient.strides(), item.value().strides()) << item.key();
    offset += gradient.numel();
  }
  model->log_prob(x).mean().backward();
  EXPECT_TRUE(close(gradients, 2 * once, 1e-12));
  EXPECT_TRUE(flat.gradients().is_same(gradients));

  // The gradients equal those without a flat buffer.
  auto copy = clone_of(model);
  copy->log_prob(x).mean().backward();
  const auto parameters = model->named_parameters();
  for (const auto& item : copy->named_parameters()) {
    EXPECT_TRUE(close(parameters[item.key()].grad(), 2 * item.value().grad(), 1e-12)) << item.key();
  }
}

TEST_P(FlatParametersTest, WritesToTheBufferChangeTheDensity) {
  const auto before = log_prob(model);
  const torch::NoGradGuard no_grad;
  const auto saved = model->flat_parameters().values().clone();
  model->flat_parameters().values().mul_(1.01);
  EXPECT_FALSE(log_prob(model).equal(before));
  model->flat_parameters().values().copy_(saved);
  EXPECT_TRUE(log_prob(model).equal(before));
}

TEST_P(FlatParametersTest, WritesToAnyParameterOrBufferInvalidateCaches) {
  auto before = log_prob(model);
  const torch::NoGradGuard no_grad;
  const auto expect_seen = [&](const std::string& name, const std::function<void()>& change) {
    const auto latents = model->encode(x);
    const auto decoded = model->decode(latents);
    change();
    const auto after = log_prob(model);
    EXPECT_FALSE(after.equal(before)) << name;
    EXPECT_FALSE(model->decode(latents).equal(decoded)) << name;
    before = after;
  };
  for (auto& item : model->named_parameters()) {
    expect_seen(item.key(), [&] { item.value().mul_(1.1); });
  }
  for (auto& item : model->named_buffers()) {
    if (item.key().ends_with("indices")) expect_seen(item.key(), [&] { item.value().copy_(item.value().roll(1)); });
    if (item.key().ends_with("sign_diagonal")) expect_seen(item.key(), [&] { item.value()[0].neg_(); });
  }
}

std::vector<GlowOptions> some_combinations() {
  std::vector<GlowOptions> chosen;
  for (auto options : every_combination(small_options())) {
    options.depth = 1;
    if (options.channels == 2 && options.edge_bias) chosen.push_back(options);
  }
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Models, FlatParametersTest, ::testing::ValuesIn(some_combinations()), kCaseName);

}  // namespace
}  // namespace glow::nn::flat_parameters_test
