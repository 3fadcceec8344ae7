#include <glow/train/evaluate.h>

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::train::evaluate_test {
namespace {

using glow::testing::started_tiny_model;
using glow::testing::throws;
using glow::testing::tiny_images;

/// Bits/dim of every image, scored all at once: [N].
torch::Tensor bits_of_each(nn::Glow& model, const data::Images& images, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(images.size()));
  std::iota(indices.begin(), indices.end(), 0);
  const auto x = model->quantizer().dequantize(images.bytes(indices), {.seed = seed, .dtype = model->dtype()});
  const auto labels = model->options().num_classes > 0 ? images.labels(indices) : torch::Tensor();
  return model->quantizer().bits_per_dim(model->log_prob(x, labels)).to(at::kDouble);
}

class EvaluateBatch : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(EvaluateBatch, ScoresEveryImageOnce) {
  const auto images = tiny_images(10);
  for (const std::int64_t classes : {0, 3}) {
    auto model = started_tiny_model(classes);
    model->to(at::kDouble);
    const auto expected = bits_of_each(model, *images, 5);
    const auto result = evaluate(model, *images, {.batch = GetParam(), .seed = 5});
    EXPECT_EQ(result.images, 10);
    EXPECT_EQ(result.non_finite, 0);
    EXPECT_NEAR(result.bits_per_dim, expected.mean().item<double>(), 1e-12);
    const auto variance = (expected - expected.mean()).square().sum().item<double>() / 9;
    EXPECT_NEAR(result.standard_error, std::sqrt(variance / 10), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, EvaluateBatch, ::testing::Values(1, 3, 5, 10, 64));

TEST(Evaluate, ReportsProgressAndRecordsNoGraph) {
  auto model = started_tiny_model();
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  evaluate(model, *tiny_images(10),
           {.batch = 4, .progress = [&](std::int64_t done, std::int64_t total) { seen.emplace_back(done, total); }});
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 10}, {8, 10}, {10, 10}}));
}

TEST(Evaluate, RefusesABatchOfNone) {
  auto model = started_tiny_model();
  EXPECT_TRUE(throws<ConfigError>([&] { evaluate(model, *tiny_images(2), {.batch = 0}); }, {"batch", "got 0"}));
}

}  // namespace
}  // namespace glow::train::evaluate_test
