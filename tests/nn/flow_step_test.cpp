#include <glow/nn/flow_step.h>

#include <array>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/fold_steps.h"
#include "support/finite_differences.h"
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
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;

// The flow variable is 2x3 pixels of 4, 8, 12 or 20 channels: up to 120 dimensions.
const GlowOptions kBase{.height = 4, .width = 6, .levels = 1, .depth = 1, .hidden_width = 6};

class FlowStepTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  FlowStep random_step() const {
    FlowStep step(level_shape(GetParam(), 0), GetParam());
    step->to(torch::kDouble);
    randomize(step, 1);
    return step;
  }
  static FoldedStep with_inverse(const FlowStep& step) {
    auto folded = step->fold();
    folded.inverse = ops::invert(folded.map);
    return folded;
  }
  torch::Tensor random_x(std::int64_t count) const {
    const auto shape = level_shape(GetParam(), 0);
    return random_normal({count, shape.channels, shape.height, shape.width}, 2);
  }
};

TEST_P(FlowStepTest, TheInverseUndoesIt) {
  const torch::NoGradGuard no_grad;
  const auto step = with_inverse(random_step());
  const auto x = random_x(3);
  EXPECT_TRUE(close(apply_inverse(step, apply(step, x).y), x, 1e-10));
  EXPECT_TRUE(close(apply(step, apply_inverse(step, x)).y, x, 1e-10));
}

TEST_P(FlowStepTest, TheLogDeterminantIsThatOfTheJacobian) {
  const auto step = random_step()->fold();
  const auto x = random_x(2);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return apply(step, z).y; }, x);
  EXPECT_TRUE(close(apply(step, x).log_det, expected, 1e-8));
}

TEST_P(FlowStepTest, GradientsMatchFiniteDifferences) {
  const auto step = random_step();
  const auto x = random_x(2).requires_grad_();
  const auto function = [&] {
    const auto result = apply(step->fold(), x);
    return result.y.square().mean() + result.log_det.mean();
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad()));
  for (const auto& item : step->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad())) << item.key();
  }
}

TEST_P(FlowStepTest, TheInverseHasTheGradientOfTheInverse) {
  const auto step = with_inverse(random_step());
  const auto y = random_x(2).requires_grad_();
  const auto function = [&] { return apply_inverse(step, y).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, y, y.grad(), 8));
}

TEST_P(FlowStepTest, FoldsAsOneOfSeveral) {
  auto other = random_step();
  randomize(other, 5);
  const auto step = random_step();
  const auto map = step->permutation->after(step->actnorm->channel_map());
  const auto net = step->coupling->net->scaled();
  const auto actual = fold_steps({other.get(), step.get()})[1];
  EXPECT_TRUE(close(actual.map.weight, map.weight, 1e-13));
  EXPECT_TRUE(close(actual.map.bias, map.bias, 1e-13));
  EXPECT_TRUE(close(actual.map.log_abs_det, map.log_abs_det, 1e-13));
  EXPECT_TRUE(actual.scaled_net.first.scale.equal(net.first.scale));
  EXPECT_TRUE(actual.scaled_net.second.scale.equal(net.second.scale));
  EXPECT_TRUE(actual.scaled_net.third.scale.equal(net.third.scale));
}

INSTANTIATE_TEST_SUITE_P(Combinations, FlowStepTest, ::testing::ValuesIn(every_combination(kBase)), kCaseName);

}  // namespace
}  // namespace glow::nn::flow_step_test
