#include <glow/latent/codec.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/latent/arrange.h>
#include <glow/shard.h>

#include "support/latents.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::latent::codec_test {
namespace {

using glow::testing::close;
using glow::testing::started_tiny_model;
using glow::testing::throws;
using glow::testing::tiny_images;

constexpr std::int64_t kImages = 10;

torch::Tensor all_bytes() { return tiny_images(kImages)->bytes(index_range(0, kImages)); }

torch::Tensor some_labels(std::int64_t classes) {
  return classes > 0 ? at::arange(kImages, at::kLong).remainder(classes) : torch::Tensor();
}

/// Batch and number of classes.
class CodecBatch : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t>> {
 protected:
  const std::int64_t batch = std::get<0>(GetParam()), classes = std::get<1>(GetParam());
  const nn::Glow model = started_tiny_model(classes);
  const torch::Tensor bytes = all_bytes(), labels = some_labels(classes);
  std::vector<std::pair<std::int64_t, std::int64_t>> progress;
  Codec codec{model, batch, [this](std::int64_t done, std::int64_t total) { progress.emplace_back(done, total); }};
};

TEST_P(CodecBatch, EncodeMatchesTheModel) {
  const torch::NoGradGuard no_grad;
  const auto expected = model->encode(model->quantizer().center(bytes), labels);
  EXPECT_TRUE(close(nn::flatten(codec.encode(bytes, labels)), nn::flatten(expected), 1e-5));
}

TEST_P(CodecBatch, DecodeReturnsTheEncodedBytes) {
  EXPECT_TRUE(codec.decode(codec.encode(bytes, labels), labels).equal(bytes));
}

TEST_P(CodecBatch, SamplesMatchTheModel) {
  const nn::SampleOptions options{.seed = 3, .first_index = 2, .labels = labels};
  const auto images = codec.sample(kImages, options);
  const torch::NoGradGuard no_grad;
  const auto expected = model->quantizer().to_bytes(model->sample(kImages, options));
  // Rounding may move a value to the next bin.
  EXPECT_LE(images.to(at::kInt).sub(expected.to(at::kInt)).abs().max().item<int>(), 1);
}

TEST_P(CodecBatch, ReportsProgressAfterEachBatch) {
  codec.encode(bytes, labels);
  std::vector<std::pair<std::int64_t, std::int64_t>> expected;
  for (std::int64_t done = batch; done < kImages + batch; done += batch) {
    expected.emplace_back(std::min(done, kImages), kImages);
  }
  EXPECT_EQ(progress, expected);
}

INSTANTIATE_TEST_SUITE_P(BatchesAndClasses, CodecBatch,
                         ::testing::Combine(::testing::Values(1, 3, 10, 64), ::testing::Values(0, 3)));

TEST(Codec, ExceptionOfTheProgressCallbackStopsEncode) {
  int batches = 0;
  Codec codec(started_tiny_model(), 3, [&](std::int64_t, std::int64_t) {
    if (++batches == 2) throw std::runtime_error("stop");
  });
  EXPECT_THROW(codec.encode(all_bytes(), {}), std::runtime_error);
  EXPECT_EQ(batches, 2);
}

TEST(Codec, RecordsNoGraph) {
  Codec codec(started_tiny_model(), 4);
  EXPECT_FALSE(codec.encode(all_bytes(), {}).eps.front().requires_grad());
}

TEST(Codec, ReportsTheIndicesOfNonFiniteImages) {
  Codec codec(started_tiny_model(), 4);
  auto latents = codec.encode(all_bytes(), {});
  EXPECT_TRUE(codec.not_finite().empty());
  for (const std::int64_t image : {2, 7}) latents.eps.front()[image].fill_(std::numeric_limits<float>::infinity());
  codec.decode(narrow(latents, 0, 5), {});
  codec.decode(narrow(latents, 5, 5), {});
  EXPECT_EQ(codec.not_finite(), (std::vector<std::int64_t>{2, 7}));
}

TEST(Codec, RefusesLabelsOfAnotherNumberOfImages) {
  Codec codec(started_tiny_model(3), 4);
  const auto latents = codec.encode(all_bytes(), some_labels(3));
  for (const std::int64_t count : {kImages - 1, kImages + 1}) {
    const auto labels = at::zeros({count}, at::kLong);
    EXPECT_TRUE(throws<ShapeError>([&] { codec.encode(all_bytes(), labels); }, {"labels", "[10]"}));
    EXPECT_TRUE(throws<ShapeError>([&] { codec.decode(latents, labels); }, {"labels", "[10]"}));
    EXPECT_TRUE(throws<ShapeError>([&] { codec.sample(kImages, {.labels = labels}); }, {"labels", "[10]"}));
  }
}

TEST(Codec, RefusesNoImages) {
  Codec codec(started_tiny_model(), 4);
  const auto latents = codec.encode(all_bytes(), {});
  EXPECT_TRUE(throws<ShapeError>([&] { codec.encode(all_bytes().narrow(0, 0, 0), {}); }, {"at least one"}));
  EXPECT_TRUE(throws<ShapeError>([&] { codec.decode(narrow(latents, 0, 0), {}); }, {"at least one"}));
  EXPECT_TRUE(throws<ConfigError>([&] { codec.sample(0, {}); }, {"count", "at least 1, got 0"}));
}

TEST(Codec, RefusesBatchSizeZero) {
  EXPECT_TRUE(throws<ConfigError>([] { Codec(started_tiny_model(), 0); }, {"batch", "at least 1, got 0"}));
}

}  // namespace
}  // namespace glow::latent::codec_test
