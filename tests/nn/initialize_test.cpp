#include <glow/nn/initialize.h>

#include <barrier>
#include <cmath>
#include <map>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/plain_glow.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::initialize_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::other_families;
using glow::testing::other_shapes;
using glow::testing::PlainGlow;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::small_options;
using glow::testing::some_labels;
using glow::testing::throws;

std::map<std::string, std::int64_t> by_layer(const InitializeReport& report) {
  std::map<std::string, std::int64_t> floored;
  for (const auto& [layer, channels] : report.floored) floored[layer] = channels;
  return floored;
}

/// Images whose last channel is constant and thus has zero variance.
torch::Tensor images_with_a_constant_channel(const GlowOptions& options, std::int64_t count) {
  auto x = random_images(options, count, 2);
  x.select(1, options.channels - 1).fill_(-0.4375);
  return x;
}

class InitializeTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  /// Checks every actnorm's output on x, the images it was started from, and that the report names the floored ones.
  void expect_started(const Glow& model, const torch::Tensor& x, const InitializeReport& report) {
    const auto parameters = model->named_parameters();
    const auto outputs = PlainGlow(model)(x, some_labels(GetParam(), x.size(0))).actnorm_outputs;
    EXPECT_EQ(outputs.size(), static_cast<std::size_t>(3 * GetParam().levels * GetParam().depth));
    std::map<std::string, std::int64_t> expected_report;
    for (const auto& [name, output] : outputs) {
      const auto sd = (-3 * parameters[name + ".log_scale"].detach()).exp();
      const auto floored = sd.lt(1e-3 * (1 + 1e-9));
      if (floored.any().item<bool>()) expected_report[name] = floored.sum().item<std::int64_t>();
      const std::vector<std::int64_t> all_but_channels{0, 2, 3};
      const auto variance = output.var(all_but_channels, /*unbiased=*/false);
      EXPECT_TRUE(close(output.mean(all_but_channels), torch::zeros(sd.size(0)), 1e-10)) << name;
      EXPECT_TRUE(close(at::where(floored, torch::ones_like(sd), variance), torch::ones(sd.size(0)), 1e-9)) << name;
      EXPECT_TRUE(variance.le(1 + 1e-9).all().item<bool>()) << name;
    }
    EXPECT_EQ(by_layer(report), expected_report);
  }
};

TEST_P(InitializeTest, ActnormOutputsHaveMeanZeroAndVarianceOne) {
  auto model = random_model(GetParam());
  const auto x = random_images(GetParam(), 9, 3);
  expect_started(model, x, model->initialize(x, {.chunk = 4}));
}

class InitializeFloorTest : public InitializeTest {};

TEST_P(InitializeFloorTest, FloorsAndReportsConstantChannels) {
  auto model = random_model(GetParam());
  const auto x = images_with_a_constant_channel(GetParam(), 9);
  const auto report = model->initialize(x, {.chunk = 4});
  EXPECT_EQ(by_layer(report)["levels.0.steps.0.actnorm"], 4);
  expect_started(model, x, report);
}

/// The tests of this class run for every family.
class InitializeChunkTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(InitializeChunkTest, ResultDoesNotDependOnTheChunkSize) {
  const auto x = random_images(GetParam(), 9, 4);
  for (const auto dtype : {torch::kDouble, torch::kFloat}) {
    auto whole = random_model(GetParam(), 1, dtype);
    whole->initialize(x, {.chunk = 100});
    for (const std::int64_t chunk : {1, 2, 8}) {
      auto model = random_model(GetParam(), 1, dtype);
      model->initialize(x, {.chunk = chunk});
      EXPECT_TRUE(close(model->flat_parameters().values(), whole->flat_parameters().values(),
                        dtype == torch::kDouble ? 1e-10 : 1e-4))
          << "chunks of " << chunk;
    }
  }
}

/// Implements InitializeOptions::sum_over_processes for two threads that stand in for two processes.
class TwoProcesses {
 public:
  std::function<void(const torch::Tensor&)> sum(int process) {
    return [this, process](const torch::Tensor& values) {
      shares_[process] = values;
      barrier_.arrive_and_wait();
      const auto total = shares_[0] + shares_[1];
      barrier_.arrive_and_wait();
      values.copy_(total);
    };
  }

 private:
  torch::Tensor shares_[2];
  std::barrier<> barrier_{2};
};

TEST_P(InitializeChunkTest, TwoProcessesGetTheResultOfOne) {
  const auto x = random_images(GetParam(), 9, 5);
  auto whole = random_model(GetParam());
  const auto report = whole->initialize(x);
  TwoProcesses processes;
  std::vector<Glow> models{random_model(GetParam()), random_model(GetParam())};
  InitializeReport other_report;
  std::thread other(
      [&] { other_report = models[1]->initialize(x.narrow(0, 6, 3), {.sum_over_processes = processes.sum(1)}); });
  const auto one_report = models[0]->initialize(x.narrow(0, 0, 6), {.sum_over_processes = processes.sum(0)});
  other.join();
  for (auto& model : models) {
    EXPECT_TRUE(close(model->flat_parameters().values(), whole->flat_parameters().values(), 1e-10));
  }
  EXPECT_EQ(by_layer(one_report), by_layer(report));
  EXPECT_EQ(by_layer(other_report), by_layer(report));
}

std::vector<GlowOptions> colour_combinations() {
  std::vector<GlowOptions> chosen;
  for (const auto& options : every_combination(small_options())) {
    if (options.channels == 3) chosen.push_back(options);
  }
  return chosen;
}

/// Models of one step: a floored actnorm multiplies the rounding errors of a constant channel by up to 1000, and every
/// later actnorm would do so again.
std::vector<GlowOptions> single_steps() {
  auto chosen = colour_combinations();
  for (auto& options : chosen) options.levels = options.depth = 1;
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Colour, InitializeTest, ::testing::ValuesIn(colour_combinations()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, InitializeChunkTest, ::testing::ValuesIn(other_families()), kCaseName);
INSTANTIATE_TEST_SUITE_P(Colour, InitializeChunkTest, ::testing::ValuesIn(colour_combinations()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, InitializeChunkTest, ::testing::ValuesIn(other_shapes()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, InitializeTest, ::testing::ValuesIn(other_shapes()), kCaseName);
INSTANTIATE_TEST_SUITE_P(Colour, InitializeFloorTest, ::testing::ValuesIn(single_steps()), kCaseName);

TEST(InitializeStateTest, ChangesActnormsOnly) {
  const auto options = small_options(2);
  auto model = random_model(options);
  std::map<std::string, torch::Tensor> before;
  for (const auto& item : model->named_parameters()) before[item.key()] = item.value().detach().clone();
  model->initialize(random_images(options, 5, 6));
  for (const auto& item : model->named_parameters()) {
    const bool actnorm = item.key().find("actnorm") != std::string::npos;
    EXPECT_EQ(item.value().equal(before[item.key()]), !actnorm) << item.key();
  }
}

TEST(InitializeStateTest, MakesAModelInitialized) {
  const auto options = small_options();
  Glow model(options);
  EXPECT_FALSE(model->initialized());
  model->initialize(random_images(options, 5, 7));
  EXPECT_TRUE(model->initialized());
}

TEST(InitializeErrors, NameTheInvalidArgumentOrLayer) {
  const auto options = small_options();
  Glow model(options);
  EXPECT_TRUE(throws<ConfigError>([&] { model->initialize(random_images(options, 2, 8), {.chunk = 0}); },
                                  {"chunk", "at least 1", "0"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model->initialize(random_images(options, 0, 8)); },
                                 {"images", "N > 0", "[0, 1, 4, 8]"}));
  const torch::NoGradGuard no_grad;
  model->named_parameters()["levels.0.steps.0.permutation.weight"].fill_(std::nan(""));
  EXPECT_TRUE(throws<NumericalError>([&] { model->initialize(random_images(options, 2, 8)); },
                                     {"levels.0.steps.0.coupling", "not finite"}));
  EXPECT_FALSE(model->initialized());
}

}  // namespace
}  // namespace glow::nn::initialize_test
