#include "nn/flow_step.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/flow_layers.h"
#include "support/jacobian.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::flow_step_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::jacobian_log_det;
using glow::testing::kCaseName;
using glow::testing::layers_of;
using glow::testing::matches_finite_differences;
using glow::testing::plain_flow_step;
using glow::testing::prepared;
using glow::testing::random_normal;
using glow::testing::randomize;

// The flow variable is 2x3 pixels of 4, 8, 12 or 20 channels: up to 120 dimensions.
const GlowOptions kBase{.height = 4, .width = 6, .levels = 1, .depth = 1, .hidden_width = 6};

class FlowStepTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  FlowStep random_step(std::uint64_t seed = 1) const {
    FlowStep step(level_shape(GetParam(), 0), GetParam());
    step->to(torch::kDouble);
    randomize(step, seed);
    return step;
  }
  torch::Tensor random_x(std::int64_t count) const {
    const auto shape = level_shape(GetParam(), 0);
    return random_normal({count, shape.channels, shape.height, shape.width}, 2);
  }
};

TEST_P(FlowStepTest, EqualsTheStepOfThePaper) {
  const torch::NoGradGuard no_grad;
  const auto step = random_step();
  const auto x = random_x(3);
  const auto actual = apply_layers(prepared(layers_of(step)), x);
  const auto expected = plain_flow_step(*step, x, GetParam().edge_bias);
  EXPECT_TRUE(close(actual.y, expected.y, 1e-12));
  EXPECT_TRUE(close(actual.log_det, expected.log_det, 1e-11));
}

TEST_P(FlowStepTest, InverseRestoresTheInput) {
  const torch::NoGradGuard no_grad;
  const auto layers = prepared(layers_of(random_step()), /*inverses=*/true);
  const auto x = random_x(3);
  EXPECT_TRUE(close(invert_layers(layers, apply_layers(layers, x).y), x, 1e-10));
  EXPECT_TRUE(close(apply_layers(layers, invert_layers(layers, x)).y, x, 1e-10));
}

TEST_P(FlowStepTest, LogDetEqualsJacobianLogDet) {
  const auto layers = layers_of(random_step());
  const auto x = random_x(2);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return apply_layers(layers, z, {}).y; }, x);
  EXPECT_TRUE(close(apply_layers(layers, x, {}).log_det, expected, 1e-8));
}

TEST_P(FlowStepTest, GradientsMatchFiniteDifferences) {
  const auto step = random_step();
  const auto x = random_x(2).requires_grad_();
  const auto function = [&] {
    const auto result = apply_layers(layers_of(step), x, {});
    return result.y.square().mean() + result.log_det.mean();
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad()));
  for (const auto& item : step->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad())) << item.key();
  }
}

TEST_P(FlowStepTest, GradientOfTheInverseMatchesFiniteDifferences) {
  const auto layers = prepared(layers_of(random_step()), /*inverses=*/true);
  const auto y = random_x(2).requires_grad_();
  const auto function = [&] { return invert_layers(layers, y).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, y, y.grad(), 8));
}

TEST_P(FlowStepTest, LayerIsEqualAloneAndInAStack) {
  const auto step = random_step(), other = random_step(5);
  const std::vector<const Step*> both{other.get(), step.get()};
  const auto actual = step->layers(both, {})[1], expected = layers_of(step)[0];
  EXPECT_TRUE(close(actual->log_abs_det(), expected->log_abs_det(), 1e-13));
  for (std::size_t i = 0; i < expected->weights().size(); ++i) {
    EXPECT_TRUE(close(actual->weights()[i], expected->weights()[i], 1e-13)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Combinations, FlowStepTest, ::testing::ValuesIn(every_combination(kBase)), kCaseName);

}  // namespace
}  // namespace glow::nn::flow_step_test
