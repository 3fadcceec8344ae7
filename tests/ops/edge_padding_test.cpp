#include <glow/ops/edge_padding.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/finite_differences.h"
#include "support/tensors.h"

namespace glow::ops::edge_padding_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;

struct Size {
  std::int64_t height;
  std::int64_t width;
};

class EdgePaddingTest : public ::testing::TestWithParam<Size> {
 protected:
  std::int64_t height() const { return GetParam().height; }
  std::int64_t width() const { return GetParam().width; }
};

TEST_P(EdgePaddingTest, ThePlaneIsOneOnTheRingAndZeroInside) {
  auto plane = edge_plane(height(), width(), torch::kDouble).clone();
  ASSERT_EQ(plane.sizes(), torch::IntArrayRef({1, 1, height() + 2, width() + 2}));
  EXPECT_EQ(plane.sum().item<double>(), 2 * static_cast<double>(height() + width()) + 4);
  EXPECT_TRUE(plane.narrow(2, 1, height()).narrow(3, 1, width()).eq(0).all().item<bool>());
  EXPECT_TRUE(plane.mul(plane).equal(plane));
}

TEST_P(EdgePaddingTest, PaddingPutsZerosAndThePlaneAround) {
  const auto x = random_normal({2, 3, height(), width()}, 1);
  const auto padded = pad_with_edge(x, true);
  ASSERT_EQ(padded.sizes(), torch::IntArrayRef({2, 4, height() + 2, width() + 2}));
  EXPECT_TRUE(padded.is_contiguous(at::MemoryFormat::ChannelsLast));
  const auto inside = padded.narrow(2, 1, height()).narrow(3, 1, width()).narrow(1, 0, 3);
  EXPECT_TRUE(inside.equal(x));
  EXPECT_TRUE(close(padded.narrow(1, 0, 3).abs().sum(), x.abs().sum(), 1e-14));
  for (std::int64_t n = 0; n < 2; ++n) {
    EXPECT_TRUE(padded[n][3].equal(edge_plane(height(), width(), torch::kDouble)[0][0]));
  }
  EXPECT_TRUE(pad_with_edge(x, false).equal(padded.narrow(1, 0, 3)));
}

TEST_P(EdgePaddingTest, TheBiasIsWhatThePlaneAddsToAConvolution) {
  const auto x = random_normal({2, 3, height(), width()}, 2);
  const auto weight = random_normal({5, 4, 3, 3}, 3);
  const auto with_plane = at::conv2d(pad_with_edge(x, true), weight);
  const auto without = at::conv2d(x, weight.narrow(1, 0, 3), {}, 1, 1);
  EXPECT_TRUE(close(without + edge_bias(weight.narrow(1, 3, 1), height(), width()), with_plane, 1e-13));
}

TEST_P(EdgePaddingTest, TheBiasIsZeroInside) {
  const auto bias = edge_bias(random_normal({5, 1, 3, 3}, 4), height(), width());
  ASSERT_EQ(bias.sizes(), torch::IntArrayRef({1, 5, height(), width()}));
  if (height() > 2 && width() > 2) {
    EXPECT_TRUE(bias.narrow(2, 1, height() - 2).narrow(3, 1, width() - 2).eq(0).all().item<bool>());
  }
  for (const std::int64_t y : {std::int64_t{0}, height() - 1}) EXPECT_TRUE(bias.select(2, y).ne(0).all().item<bool>());
  for (const std::int64_t x : {std::int64_t{0}, width() - 1}) EXPECT_TRUE(bias.select(3, x).ne(0).all().item<bool>());
}

TEST_P(EdgePaddingTest, GradientsMatchFiniteDifferences) {
  const auto x = random_normal({2, 2, height(), width()}, 5).requires_grad_();
  const auto weight = random_normal({3, 1, 3, 3}, 6).requires_grad_();
  const auto function = [&] {
    return (pad_with_edge(x, true).square().sum() + 1) * edge_bias(weight, height(), width()).square().mean();
  };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad(), 8));
  EXPECT_TRUE(matches_finite_differences(function, weight, weight.grad(), 27));
}

INSTANTIATE_TEST_SUITE_P(Sizes, EdgePaddingTest,
                         ::testing::Values(Size{1, 1}, Size{1, 4}, Size{2, 2}, Size{3, 2}, Size{4, 7}));

TEST(EdgePaddingDtypeTest, FollowsTheInput) {
  EXPECT_EQ(pad_with_edge(torch::ones({1, 1, 2, 2}), true).scalar_type(), torch::kFloat);
  EXPECT_EQ(edge_bias(torch::ones({1, 1, 3, 3}), 2, 2).scalar_type(), torch::kFloat);
  EXPECT_EQ(pad_with_edge(torch::ones({0, 2, 2, 2}), true).sizes(), torch::IntArrayRef({0, 3, 4, 4}));
}

}  // namespace
}  // namespace glow::ops::edge_padding_test
