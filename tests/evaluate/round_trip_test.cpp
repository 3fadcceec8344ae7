#include <glow/evaluate/round_trip.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/latents.h>
#include <glow/shard.h>

#include "images/array.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::evaluate::round_trip_test {
namespace {

using glow::testing::started_tiny_model;
using glow::testing::throws;
using glow::testing::tiny_images;

/// Sets a parameter of the first step of the first level.
void fill(nn::Glow& model, const std::string& parameter, double value) {
  const torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    if (item.key() == "levels.0.steps.0." + parameter) item.value().fill_(value);
  }
}

class RoundTripBatch : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(RoundTripBatch, ReturnsTheImagesForAnyBatchSize) {
  for (const std::int64_t classes : {0, 3}) {
    const auto result = round_trip(started_tiny_model(classes), *tiny_images(10), {.batch = GetParam()});
    EXPECT_EQ(result.images, 10);
    EXPECT_TRUE(result.changed.empty());
    EXPECT_GT(result.max_error, 0);
    EXPECT_LT(result.max_error, 1e-5);
    EXPECT_LT(result.mean_error, result.max_error);
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, RoundTripBatch, ::testing::Values(1, 3, 10, 64));

TEST(RoundTrip, Float64IsMoreAccurate) {
  auto model = started_tiny_model();
  const auto single = round_trip(model, *tiny_images(10));
  model->to(at::kDouble);
  EXPECT_LT(round_trip(model, *tiny_images(10)).max_error, 1e-6 * single.max_error);
}

TEST(RoundTrip, CountsChangedImages) {
  auto model = started_tiny_model();
  fill(model, "actnorm.bias", 1e6);  // rounds to multiples of 0.06
  const auto result = round_trip(model, *tiny_images(10), {.batch = 4});
  EXPECT_EQ(result.changed, index_range(0, 10));
  EXPECT_GT(result.max_error, 1e-3);
  EXPECT_LT(result.max_error, 1);
}

TEST(RoundTrip, ErrorIsInfiniteWithoutAnInverse) {
  auto model = started_tiny_model();
  fill(model, "permutation.log_diagonal", -HUGE_VAL);
  const auto result = round_trip(model, *tiny_images(3));
  EXPECT_EQ(result.max_error, HUGE_VAL);
  EXPECT_EQ(result.mean_error, HUGE_VAL);
  EXPECT_EQ(result.changed.size(), 3u);
}

TEST(RoundTrip, CountsNaNAsChangedEvenForBlackImages) {
  auto model = started_tiny_model();
  fill(model, "actnorm.bias", std::nan(""));
  const data::Images black(images::make_array_source({glow::testing::kTinySize, glow::testing::kTinySize, 1},
                                                     std::string(2 * 16, '\0'), {}, "black"),
                           {.height = glow::testing::kTinySize, .width = glow::testing::kTinySize});
  const auto result = round_trip(model, black);
  EXPECT_EQ(result.changed.size(), 2u);
  EXPECT_EQ(result.max_error, HUGE_VAL);
}

TEST(RoundTrip, NamesTheImagesThatChange) {
  auto model = started_tiny_model();
  const torch::NoGradGuard no_grad;
  const auto images = tiny_images(4);
  const auto bytes = images->bytes(index_range(0, 4));
  auto latents = model->encode(model->quantizer().center(bytes));
  const auto same = returned(model, bytes, latents, {});
  EXPECT_FALSE(same.changed.any().item<bool>());
  EXPECT_TRUE(same.grey_levels.eq(0).all().item<bool>());
  for (auto& eps : latents.eps) {
    eps = eps.clone();
    eps[1].add_(0.5);
    eps[3].fill_(std::nan(""));
  }
  const auto other = returned(model, bytes, latents, {});
  EXPECT_TRUE(other.changed.equal(torch::tensor({false, true, false, true})));
  const auto decoded = model->quantizer().to_bytes(model->decode(latents));
  const auto expected = (decoded.to(torch::kLong) - bytes.to(torch::kLong)).abs().flatten(1).amax(1);
  EXPECT_TRUE(other.grey_levels.equal(expected));
  EXPECT_GT(other.grey_levels[1].item<std::int64_t>(), 0);
  EXPECT_EQ(other.max_error[3].item<double>(), HUGE_VAL);
  EXPECT_TRUE(other.finite.equal(torch::tensor({true, true, true, false})));
  EXPECT_TRUE(other.decoded.equal(decoded));
}

TEST(RoundTrip, UsesTheFirstImagesAndReportsProgress) {
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  const auto result = round_trip(started_tiny_model(), *tiny_images(10),
                                 {.batch = 4, .count = 6, .progress = [&](std::int64_t done, std::int64_t total) {
                                    seen.emplace_back(done, total);
                                  }});
  EXPECT_EQ(result.images, 6);
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 6}, {6, 6}}));
  EXPECT_EQ(round_trip(started_tiny_model(), *tiny_images(10), {.count = 100}).images, 10);
}

TEST(RoundTrip, RefusesInvalidOptions) {
  const auto model = started_tiny_model();
  EXPECT_TRUE(throws<ConfigError>([&] { round_trip(model, *tiny_images(2), {.batch = 0}); }, {"batch: ", "got 0"}));
  EXPECT_TRUE(throws<ConfigError>([&] { round_trip(model, *tiny_images(2), {.count = -1}); }, {"count: ", "got -1"}));
  const auto two_classes = started_tiny_model(2);  // the images have three
  EXPECT_TRUE(throws<ConfigError>([&] { round_trip(two_classes, *tiny_images(3)); }, {"labels: ", "an image has 2"}));
  EXPECT_EQ(round_trip(two_classes, *tiny_images(3), {.classes = ClassDensity::kMarginal}).changed.size(), 0u);
}

}  // namespace
}  // namespace glow::evaluate::round_trip_test
