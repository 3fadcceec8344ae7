#include "nn/flow_step.h"

#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

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
using glow::testing::relative_error;

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
  const auto actual = apply_layers(*prepared(*layers_of(step)), x);
  const auto expected = plain_flow_step(*step, x, GetParam().edge_bias);
  EXPECT_TRUE(close(actual.y, expected.y, 1e-12));
  EXPECT_TRUE(close(actual.log_det, expected.log_det, 1e-11));
}

TEST_P(FlowStepTest, InverseRestoresTheInput) {
  const torch::NoGradGuard no_grad;
  const auto layers = prepared(*layers_of(random_step()), /*inverses=*/true);
  const auto x = random_x(3);
  EXPECT_TRUE(close(invert_layers(*layers, apply_layers(*layers, x).y), x, 1e-10));
  EXPECT_TRUE(close(apply_layers(*layers, invert_layers(*layers, x)).y, x, 1e-10));
}

TEST_P(FlowStepTest, LogDetEqualsJacobianLogDet) {
  const auto layers = layers_of(random_step());
  const auto x = random_x(2);
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return apply_layers(*layers, z, {}).y; }, x);
  EXPECT_TRUE(close(apply_layers(*layers, x, {}).log_det, expected, 1e-8));
}

TEST_P(FlowStepTest, GradientsMatchFiniteDifferences) {
  const auto step = random_step();
  const auto x = random_x(2).requires_grad_();
  const auto function = [&] {
    const auto result = apply_layers(*layers_of(step), x, {});
    return result.y.square().mean() + result.log_det.mean();
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad()));
  for (const auto& item : step->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad())) << item.key();
  }
}

TEST_P(FlowStepTest, GradientOfTheInverseMatchesFiniteDifferences) {
  const auto layers = prepared(*layers_of(random_step()), /*inverses=*/true);
  const auto y = random_x(2).requires_grad_();
  const auto function = [&] { return invert_layers(*layers, y).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, y, y.grad(), 8));
}

TEST_P(FlowStepTest, LayerIsEqualAloneAndInAStack) {
  const torch::NoGradGuard no_grad;
  const auto step = random_step(), other = random_step(5);
  const std::vector<const Step*> both{other.get(), step.get()};
  const auto actual = step->layers(both, {}), expected = layers_of(step);
  const auto x = random_x(2);
  const auto of_both = prepared(*actual)->forward(1, x, /*keep=*/false);
  const auto alone = prepared(*expected)->forward(0, x, /*keep=*/false);
  EXPECT_TRUE(close(of_both.y, alone.y, 1e-13));
  if (alone.log_det.defined()) {
    EXPECT_TRUE(close(of_both.log_det, alone.log_det, 1e-13));
  }
  EXPECT_TRUE(close(actual->log_abs_det(), expected->log_abs_det() + layers_of(other)->log_abs_det(), 1e-13));
}

INSTANTIATE_TEST_SUITE_P(Combinations, FlowStepTest, ::testing::ValuesIn(every_combination(kBase)), kCaseName);

/// Steps whose networks are computed in blocks of pixels in float32, where the processor can.
class WideFlowStepTest : public ::testing::TestWithParam<std::tuple<CouplingKind, bool, MemoryPolicy>> {
 protected:
  const GlowOptions options{.channels = 3,
                            .height = 12,
                            .width = 14,
                            .levels = 1,
                            .depth = 3,
                            .hidden_width = 32,
                            .coupling = std::get<0>(GetParam()),
                            .edge_bias = std::get<1>(GetParam())};

  Level random_level(torch::Dtype dtype) const {
    Level level(options, 0);
    level->to(dtype);
    randomize(level, 1);
    return level;
  }
  ChainResult run(const Level& level, const torch::Tensor& x, HiddenPrecision precision) const {
    return apply_layers(*level->fold().layers, x, {.memory = std::get<2>(GetParam()), .precision = precision});
  }
  /// y, log_det and the gradients with respect to x and the parameters.
  std::vector<torch::Tensor> results(torch::Dtype dtype, HiddenPrecision precision) const {
    const auto level = random_level(dtype);
    const auto x = random_normal({5, 12, 6, 7}, 2).to(dtype).requires_grad_();
    const auto result = run(level, x, precision);
    ((result.y * random_normal(x.sizes(), 3).to(dtype)).sum() + result.log_det.sum()).backward();
    std::vector<torch::Tensor> all{result.y, result.log_det, x.grad()};
    for (const auto& parameter : level->parameters()) all.push_back(parameter.grad());
    return all;
  }
};

TEST_P(WideFlowStepTest, Float32MatchesFloat64) {
  const auto expected = results(torch::kDouble, HiddenPrecision::kFull);
  for (const auto& [precision, tolerance] :
       {std::pair{HiddenPrecision::kFull, 1e-4}, std::pair{HiddenPrecision::kBf16, 0.2}}) {
    const auto actual = results(torch::kFloat, precision);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      EXPECT_LE(relative_error(actual[i].to(torch::kDouble), expected[i]), tolerance) << to_string(precision) << i;
    }
  }
}

TEST_P(WideFlowStepTest, BrokenWeightsBreakTheResult) {
  for (const auto precision : {HiddenPrecision::kFull, HiddenPrecision::kBf16}) {
    for (const std::string name : {"conv1.weight", "conv1.actnorm.bias", "conv2.weight", "conv2.actnorm.log_scale"}) {
      const auto level = random_level(torch::kFloat);
      const auto x = random_normal({1, 12, 6, 7}, 2).to(torch::kFloat);
      const torch::NoGradGuard no_grad;
      level->named_parameters()["steps.1.coupling.net." + name].view(-1)[1].fill_(NAN);
      EXPECT_TRUE(run(level, x, precision).y.isnan().all().item<bool>()) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Couplings, WideFlowStepTest,
    ::testing::Combine(::testing::Values(CouplingKind::kAdditive, CouplingKind::kAffine), ::testing::Bool(),
                       ::testing::Values(MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible)));

}  // namespace
}  // namespace glow::nn::flow_step_test
