#include <glow/train/monitors.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "images/array.h"
#include "support/model_cases.h"
#include "support/random_weights.h"

namespace glow::train::monitors_test {
namespace {

using glow::testing::random_model;
using glow::testing::small_options;
using nn::PermutationKind;

constexpr std::int64_t kImages = 20;

data::Images some_images(const nn::GlowOptions& options) {
  std::string bytes;
  std::vector<std::uint8_t> labels;
  for (std::int64_t i = 0; i < kImages * options.dimensions(); ++i) bytes += static_cast<char>(i * 37 % 251);
  for (std::int64_t i = 0; i < kImages; ++i) labels.push_back(static_cast<std::uint8_t>(i % 3));
  const auto height = static_cast<int>(options.height), width = static_cast<int>(options.width);
  return {images::make_array_source({height, width, static_cast<int>(options.channels)}, bytes, labels, "some images"),
          data::Geometry{.height = height, .width = width}};
}

Monitors look_at(const nn::Glow& model, std::uint64_t seed = 1) {
  return monitor(model, some_images(model->options()), seed);
}

torch::Tensor parameter(nn::Glow& model, const std::string& name) { return model->named_parameters()[name]; }

nn::Glow model_with(PermutationKind permutation, std::int64_t num_classes = 0) {
  auto options = small_options();
  options.permutation = permutation;
  options.num_classes = num_classes;
  return random_model(options);
}

class MonitorsByPermutation : public ::testing::TestWithParam<PermutationKind> {};

TEST_P(MonitorsByPermutation, ReconstructionErrorIsRoundingForAnInvertibleModel) {
  for (const std::int64_t num_classes : {0, 3}) {
    const auto monitors = look_at(model_with(GetParam(), num_classes));
    for (const double error :
         {monitors.reconstruction_error, monitors.reconstruction_error_constant, monitors.reconstruction_error_noise}) {
      EXPECT_GT(error, 0);
      EXPECT_LT(error, 1e-12);
    }
    EXPECT_EQ(monitors.half_bin, 1.0 / 512);
    const bool is_learned = GetParam() == PermutationKind::kConv1x1 || GetParam() == PermutationKind::kLU;
    EXPECT_EQ(monitors.smallest_singular_values.size(), is_learned ? 2U : 0U);
    for (const auto& level : monitors.smallest_singular_values) EXPECT_EQ(level.size(), 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(Permutations, MonitorsByPermutation,
                         ::testing::Values(PermutationKind::kConv1x1, PermutationKind::kLU, PermutationKind::kShuffle,
                                           PermutationKind::kReverse),
                         [](const auto& test) { return to_string(test.param); });

TEST(Monitors, ReportTheSmallestSingularValueOfEachMap) {
  const torch::NoGradGuard no_grad;
  auto model = model_with(PermutationKind::kConv1x1);
  const auto weight = parameter(model, "levels.1.steps.0.permutation.weight");
  const auto rotation = std::get<0>(at::linalg_qr(weight));
  auto values = torch::linspace(0.25, 3, weight.size(0), weight.options());
  weight.copy_(rotation.matmul(values.diag()).matmul(rotation.flip(0)));
  EXPECT_NEAR(look_at(model).smallest_singular_values.at(1).at(0), 0.25, 1e-12);
  EXPECT_GT(look_at(model).smallest_singular_values.at(1).at(1), 0.5);

  auto lu = model_with(PermutationKind::kLU);
  parameter(lu, "levels.0.steps.1.permutation.log_diagonal")[1] = std::log(0.125);
  EXPECT_NEAR(look_at(lu).smallest_singular_values.at(0).at(1), 0.125, 1e-12);
}

TEST(Monitors, ReportLargeErrorsForANearlySingularMap) {
  const torch::NoGradGuard no_grad;
  auto model = model_with(PermutationKind::kConv1x1);
  model->to(torch::kFloat);
  const auto weight = parameter(model, "levels.0.steps.0.permutation.weight");
  weight[0].copy_(weight[1] + 1e-6 * weight[0]);
  const auto monitors = look_at(model);
  EXPECT_GT(monitors.reconstruction_error, monitors.half_bin);
  EXPECT_LT(monitors.smallest_singular_values.at(0).at(0), 1e-5);
  weight[0].zero_();
  EXPECT_EQ(look_at(model).reconstruction_error, std::numeric_limits<double>::infinity());
}

TEST(Monitors, ReportAndNameNonFiniteValues) {
  const torch::NoGradGuard no_grad;
  auto model = model_with(PermutationKind::kConv1x1);
  parameter(model, "levels.0.steps.0.permutation.weight")[0][0] = std::nan("");
  parameter(model, "levels.0.steps.1.actnorm.log_scale")[0] = std::nan("");
  parameter(model, "levels.1.steps.1.actnorm.log_scale")[0] = 2;
  const auto monitors = look_at(model);
  EXPECT_EQ(monitors.reconstruction_error, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(monitors.smallest_singular_values.at(0).at(0)));
  EXPECT_TRUE(std::isnan(monitors.largest_scale));
  EXPECT_EQ(monitors.largest_scale_name, "levels.0.steps.1.actnorm.log_scale");
}

TEST(Monitors, ReportAndNameTheLargestScale) {
  const torch::NoGradGuard no_grad;
  auto model = model_with(PermutationKind::kReverse);
  parameter(model, "levels.0.steps.1.coupling.net.conv3.log_scale")[0] = 3;
  EXPECT_NEAR(look_at(model).largest_scale, std::exp(9), 1e-9);
  EXPECT_EQ(look_at(model).largest_scale_name, "levels.0.steps.1.coupling.net.conv3.log_scale");
}

TEST(Monitors, DependOnTheSeedOnlyForNoise) {
  auto model = model_with(PermutationKind::kConv1x1);
  EXPECT_EQ(look_at(model).reconstruction_error_noise, look_at(model).reconstruction_error_noise);
  EXPECT_EQ(look_at(model, 2).reconstruction_error, look_at(model).reconstruction_error);
  std::set<double> of_noise;  // two seeds may have the same rounding error
  for (std::uint64_t seed = 1; seed <= 8; ++seed) of_noise.insert(look_at(model, seed).reconstruction_error_noise);
  EXPECT_GT(of_noise.size(), 1U);
}

}  // namespace
}  // namespace glow::train::monitors_test
