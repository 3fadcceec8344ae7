#include <glow/nn/latents.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/model_cases.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::latents_test {
namespace {

using glow::testing::random_normal;
using glow::testing::small_options;
using glow::testing::throws;

TEST(LatentsTest, RowsAreTheConcatenatedLevels) {
  const auto options = small_options(3);
  const auto latents = unflatten(torch::arange(2 * 96, torch::kFloat).view({2, 96}), options);
  ASSERT_EQ(latents.eps.size(), 2u);
  EXPECT_EQ(latents.eps[0].sizes(), torch::IntArrayRef({2, 6, 2, 4}));
  EXPECT_EQ(latents.eps[1].sizes(), torch::IntArrayRef({2, 24, 1, 2}));
  // The order is C, H, W.
  EXPECT_EQ(latents.eps[0][1][0][0][1].item<float>(), 96 + 1);
  EXPECT_EQ(latents.eps[0][1][0][1][0].item<float>(), 96 + 4);
  EXPECT_EQ(latents.eps[0][1][1][0][0].item<float>(), 96 + 8);
  EXPECT_EQ(latents.eps[1][0][0][0][0].item<float>(), 48);
}

TEST(LatentsTest, FlattenInvertsUnflattenInAnyMemoryFormat) {
  const auto options = small_options(3);
  const auto rows = random_normal({5, 96}, 1);
  auto latents = unflatten(rows, options);
  EXPECT_TRUE(flatten(latents).equal(rows));
  for (auto& eps : latents.eps) eps = eps.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(flatten(latents).equal(rows));
}

TEST(LatentsErrors, RowsOfWrongLength) {
  const auto unflattened = [](torch::IntArrayRef shape) {
    return [shape = shape.vec()] { unflatten(torch::zeros(shape), small_options(3)); };
  };
  EXPECT_TRUE(throws<ShapeError>(unflattened({5, 95}), {"latents", "[N, 96]", "[5, 95]"}));
  EXPECT_TRUE(throws<ShapeError>(unflattened({96}), {"latents", "[N, 96]", "[96]"}));
}

}  // namespace
}  // namespace glow::nn::latents_test
