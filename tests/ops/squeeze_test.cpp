#include "ops/squeeze.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/jacobian.h"
#include "support/throws.h"

namespace glow::ops::squeeze_test {
namespace {

using glow::testing::jacobian;
using glow::testing::throws;

torch::Tensor numbered(torch::IntArrayRef shape) {
  return torch::arange(c10::multiply_integers(shape), torch::kDouble).view(shape);
}

class SqueezeTest : public ::testing::TestWithParam<std::vector<std::int64_t>> {};

TEST_P(SqueezeTest, EqualsPixelUnshuffle) {
  const auto x = numbered(GetParam());
  EXPECT_TRUE(ops::squeeze(x).equal(at::pixel_unshuffle(x, 2)));
}

TEST_P(SqueezeTest, DoesNotDependOnTheMemoryFormat) {
  const auto x = numbered(GetParam());
  const auto expected = ops::squeeze(x);
  EXPECT_TRUE(ops::squeeze(x.contiguous(at::MemoryFormat::ChannelsLast)).equal(expected));
  EXPECT_TRUE(ops::squeeze(at::cat({x, x + 1}, 1).narrow(1, 0, x.size(1))).equal(expected));
  EXPECT_TRUE(unsqueeze(expected.contiguous()).equal(x));
}

TEST_P(SqueezeTest, OutputIsChannelsLast) {
  const auto x = numbered(GetParam());
  EXPECT_TRUE(ops::squeeze(x).is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(unsqueeze(ops::squeeze(x)).is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST_P(SqueezeTest, UnsqueezeInvertsSqueeze) {
  const auto x = numbered(GetParam());
  EXPECT_TRUE(unsqueeze(ops::squeeze(x)).equal(x));
  const auto y = numbered({2, 8, 3, 1});
  EXPECT_TRUE(ops::squeeze(unsqueeze(y)).equal(y));
}

TEST_P(SqueezeTest, IsAPermutationOfTheElements) {
  for (const auto& matrix : {jacobian(squeeze, numbered(GetParam()).narrow(0, 0, 1)),
                             jacobian(unsqueeze, ops::squeeze(numbered(GetParam()).narrow(0, 0, 1)))}) {
    EXPECT_TRUE(matrix.square().equal(matrix));
    EXPECT_TRUE(matrix.sum(0).eq(1).all().item<bool>() && matrix.sum(1).eq(1).all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SqueezeTest,
                         ::testing::Values(std::vector<std::int64_t>{1, 1, 2, 2}, std::vector<std::int64_t>{3, 2, 4, 6},
                                           std::vector<std::int64_t>{2, 3, 6, 2},
                                           std::vector<std::int64_t>{1, 5, 2, 8}));

TEST(SqueezeEdgeTest, AcceptsAnEmptyBatch) {
  EXPECT_EQ(ops::squeeze(numbered({0, 3, 4, 2})).sizes(), torch::IntArrayRef({0, 12, 2, 1}));
  EXPECT_EQ(unsqueeze(numbered({0, 12, 2, 1})).sizes(), torch::IntArrayRef({0, 3, 4, 2}));
}

TEST(SqueezeErrors, StateExpectedAndActualShapes) {
  EXPECT_TRUE(throws<ShapeError>([] { ops::squeeze(numbered({1, 1, 3, 2})); }, {"even H and W", "[1, 1, 3, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { ops::squeeze(numbered({1, 1, 2, 5})); }, {"even H and W", "[1, 1, 2, 5]"}));
  EXPECT_TRUE(throws<ShapeError>([] { ops::squeeze(numbered({1, 2, 2})); }, {"[N, C, H, W]", "[1, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { unsqueeze(numbered({1, 6, 2, 2})); }, {"4C", "[1, 6, 2, 2]"}));
}

}  // namespace
}  // namespace glow::ops::squeeze_test
