#include "ops/patches.h"

#include <cmath>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/finite_differences.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::ops::patches_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::throws;

struct ImageSize {
  std::int64_t height;
  std::int64_t width;
};

class EdgePaddingTest : public ::testing::TestWithParam<ImageSize> {
 protected:
  std::int64_t height() const { return GetParam().height; }
  std::int64_t width() const { return GetParam().width; }
};

TEST_P(EdgePaddingTest, EdgePlaneIsOneOnTheBorderAndZeroInside) {
  auto plane = edge_plane(height(), width(), torch::kDouble).clone();
  ASSERT_EQ(plane.sizes(), torch::IntArrayRef({1, 1, height() + 2, width() + 2}));
  EXPECT_EQ(plane.sum().item<double>(), 2 * static_cast<double>(height() + width()) + 4);
  EXPECT_TRUE(plane.narrow(2, 1, height()).narrow(3, 1, width()).eq(0).all().item<bool>());
  EXPECT_TRUE(plane.mul(plane).equal(plane));
}

TEST_P(EdgePaddingTest, PaddingAddsZerosAndTheEdgePlane) {
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

TEST_P(EdgePaddingTest, EdgeBiasEqualsTheConvolutionOfTheEdgePlane) {
  const auto x = random_normal({2, 3, height(), width()}, 2);
  const auto weight = random_normal({5, 4, 3, 3}, 3);
  const auto with_plane = at::conv2d(pad_with_edge(x, true), weight);
  const auto without = at::conv2d(x, weight.narrow(1, 0, 3), {}, 1, 1);
  EXPECT_TRUE(close(without + edge_bias(weight.narrow(1, 3, 1), height(), width()), with_plane, 1e-13));
}

TEST_P(EdgePaddingTest, EdgeBiasIsZeroInside) {
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
                         ::testing::Values(ImageSize{1, 1}, ImageSize{1, 4}, ImageSize{2, 2}, ImageSize{3, 2},
                                           ImageSize{4, 7}));

TEST(EdgePaddingDtypeTest, KeepsTheDtypeOfTheInput) {
  EXPECT_EQ(pad_with_edge(torch::ones({1, 1, 2, 2}), true).scalar_type(), torch::kFloat);
  EXPECT_EQ(edge_bias(torch::ones({1, 1, 3, 3}), 2, 2).scalar_type(), torch::kFloat);
  EXPECT_EQ(pad_with_edge(torch::ones({0, 2, 2, 2}), true).sizes(), torch::IntArrayRef({0, 3, 4, 4}));
}

struct Size {
  std::int64_t count, channels, height, width;
};

class PatchesTest : public ::testing::TestWithParam<std::tuple<Size, bool>> {
 protected:
  Size size() const { return std::get<0>(GetParam()); }
  bool edge() const { return std::get<1>(GetParam()); }
  torch::Tensor random_x() const {
    return random_normal({size().count, size().channels, size().height, size().width}, 1);
  }
};

TEST_P(PatchesTest, WeightTimesPatchesEqualsConvolution) {
  const auto x = random_x();
  const auto planes = size().channels + (edge() ? 1 : 0);
  const auto weight = random_normal({5, planes, 3, 3}, 2);
  const auto rows = weight.permute({0, 2, 3, 1}).reshape({5, 9 * planes});
  const auto expected = at::conv2d(pad_with_edge(x, edge()), weight);
  for (const auto& given : {x, x.contiguous(at::MemoryFormat::ChannelsLast)}) {
    const auto patches = extract_patches(given, edge());
    EXPECT_TRUE(patches.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(close(at::einsum("op,nphw->nohw", {rows, patches}), expected, 1e-13));
  }
}

TEST_P(PatchesTest, LoopsMatchDifferentiableOperators) {
  const auto x = random_x();
  const auto recorded = random_x().requires_grad_();
  const auto patches = extract_patches(recorded, edge());
  EXPECT_TRUE(extract_patches(x, edge()).equal(patches.detach()));
  // A range of channels of a wider tensor, like the input of a coupling network.
  const auto wider = at::cat({x, x + 1}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(extract_patches(wider.narrow(1, 0, size().channels), edge()).equal(patches.detach()));

  const auto gradient = random_normal(patches.sizes(), 3);
  patches.backward(gradient);
  auto sum = at::zeros_like(wider);
  add_patches_(sum.narrow(1, 0, size().channels), gradient.contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(close(sum.narrow(1, 0, size().channels), recorded.grad(), 1e-13));
  EXPECT_TRUE(sum.narrow(1, size().channels, size().channels).eq(0).all().item<bool>());
  // Contiguous tensors (NCHW) have no loops of their own.
  auto other = at::zeros({size().count, size().channels + 1, size().height, size().width}, torch::kDouble);
  add_patches_(other.narrow(1, 0, size().channels), gradient);
  EXPECT_TRUE(close(other.narrow(1, 0, size().channels), recorded.grad(), 1e-13));
}

TEST_P(PatchesTest, SumPatchesIsTheAdjointOfExtractPatches) {
  const auto x = random_x();
  const auto patches = random_normal({size().count, 9 * size().channels, size().height, size().width}, 4);
  const auto inner = (extract_patches(x, false) * patches).sum();
  const auto no_bias = torch::zeros(size().channels, torch::kDouble),
             no_outside = torch::zeros({9, size().channels}, torch::kDouble);
  EXPECT_TRUE(close((x * sum_patches(patches, no_bias, no_outside)).sum(), inner, 1e-12));
  const auto recorded = patches.clone().requires_grad_();
  sum_patches(recorded, no_bias, no_outside).mul(x).sum().backward();
  EXPECT_TRUE(close(recorded.grad(), extract_patches(x, false), 1e-13));
}

TEST_P(PatchesTest, SumPatchesEqualsConvolutionWithEdgePlane) {
  const auto x = random_x();
  const auto weight = random_normal({4, size().channels + 1, 3, 3}, 5), bias = random_normal({4}, 6);
  const auto taps = weight.flip({2, 3}).permute({2, 3, 0, 1});
  const auto product = taps.narrow(3, 0, size().channels).reshape({36, size().channels});
  const auto outside = taps.select(3, size().channels).reshape({9, 4});
  const auto patches = at::einsum("op,nphw->nohw", {product, x});
  const auto expected = at::conv2d(pad_with_edge(x, true), weight, bias);
  EXPECT_TRUE(close(sum_patches(patches, bias, outside), expected, 1e-13));
  EXPECT_TRUE(close(sum_patches(patches.clone().requires_grad_(), bias, outside), expected, 1e-13));
}

TEST_P(PatchesTest, FillsUpWithZeros) {
  const auto x = random_x();
  const auto expected = extract_patches(x, edge());
  const auto taken = expected.size(1);
  for (const std::int64_t fill : {1, 5, 8}) {
    const auto is_filled_up = [&](const torch::Tensor& patches) {
      return patches.size(1) == taken + fill && patches.narrow(1, 0, taken).equal(expected) &&
             patches.narrow(1, taken, fill).eq(0).all().item<bool>();
    };
    EXPECT_TRUE(is_filled_up(extract_patches(x, edge(), c10::nullopt, taken + fill)));
    auto poisoned = torch::full({size().count, taken + fill, size().height, size().width}, NAN, torch::kDouble)
                        .contiguous(at::MemoryFormat::ChannelsLast);
    cpu::extract_patches(x.contiguous(at::MemoryFormat::ChannelsLast), edge(), poisoned);
    EXPECT_TRUE(is_filled_up(poisoned));

    const auto recorded = random_x().requires_grad_(), plain = random_x().requires_grad_();
    const auto patches = extract_patches(recorded, edge(), c10::nullopt, taken + fill);
    EXPECT_TRUE(is_filled_up(patches.detach()));
    const auto gradient = random_normal(patches.sizes(), 3);
    patches.backward(gradient);
    extract_patches(plain, edge()).backward(gradient.narrow(1, 0, taken));
    EXPECT_TRUE(recorded.grad().equal(plain.grad()));
  }
  EXPECT_TRUE(extract_patches(x, edge(), c10::nullopt, taken).equal(expected));
}

TEST_P(PatchesTest, FilledUpPatchesHaveTheSameSums) {
  const auto patches = random_normal({size().count, 9 * size().channels, size().height, size().width}, 4)
                           .contiguous(at::MemoryFormat::ChannelsLast);
  const auto bias = random_normal({size().channels}, 5), outside = random_normal({9, size().channels}, 6);
  const auto expected = sum_patches(patches, bias, outside);
  auto added = random_x().contiguous(at::MemoryFormat::ChannelsLast);
  const auto before = added.clone();
  add_patches_(added, patches);
  for (const std::int64_t fill : {1, 5, 8}) {
    const auto filled_up =
        at::constant_pad_nd(patches, {0, 0, 0, 0, 0, fill}, NAN).contiguous(at::MemoryFormat::ChannelsLast);
    EXPECT_TRUE(sum_patches(filled_up, bias, outside).equal(expected));
    EXPECT_TRUE(close(sum_patches(filled_up.clone().requires_grad_(), bias, outside), expected, 1e-13));
    const auto loops = before.clone(), operators = before.contiguous(at::MemoryFormat::Contiguous).clone();
    add_patches_(loops, filled_up);
    EXPECT_TRUE(loops.equal(added));
    add_patches_(operators, filled_up);
    EXPECT_TRUE(close(operators, added, 1e-13));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PatchesTest,
                         ::testing::Combine(::testing::Values(Size{2, 3, 4, 6}, Size{1, 1, 1, 1}, Size{3, 2, 1, 5},
                                                              Size{2, 6, 2, 2}, Size{1, 40, 9, 3}),
                                            ::testing::Bool()));

TEST_P(PatchesTest, RoundsToBfloat16) {
  const auto x = random_x().to(torch::kFloat);
  const auto patches = extract_patches(x, edge(), torch::kBFloat16);
  EXPECT_TRUE(patches.equal(extract_patches(x, edge()).to(torch::kBFloat16)));
  EXPECT_TRUE(extract_patches(x.clone().requires_grad_(), edge(), torch::kBFloat16).equal(patches));
  const auto filled_up = extract_patches(x, edge(), torch::kBFloat16, patches.size(1) + 3);
  EXPECT_TRUE(filled_up.equal(at::constant_pad_nd(patches, {0, 0, 0, 0, 0, 3})));
  EXPECT_TRUE(
      extract_patches(x.clone().requires_grad_(), edge(), torch::kBFloat16, patches.size(1) + 3).equal(filled_up));

  const auto channels = patches.size(1) / 9;
  const auto bias = random_normal({channels}, 2).to(torch::kFloat);
  const auto outside = random_normal({9, channels}, 3).to(torch::kFloat);
  const auto sum = sum_patches(patches, bias, outside);
  EXPECT_EQ(sum.scalar_type(), torch::kFloat);
  EXPECT_TRUE(sum.equal(sum_patches(patches.to(torch::kFloat), bias, outside)));
  auto added = sum.clone(at::MemoryFormat::ChannelsLast), expected = added.clone();
  add_patches_(added, patches);
  add_patches_(expected, patches.to(torch::kFloat));
  EXPECT_TRUE(added.equal(expected));
}

TEST(PatchesErrors, StateTheShape) {
  EXPECT_TRUE(throws<ShapeError>(
      [] {
        sum_patches(torch::zeros({1, 8, 2, 2}), torch::zeros(1), torch::zeros({9, 1}));
      },
      {"9C", "[1, 8, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { extract_patches(torch::zeros({8, 2, 2}), false); }, {"[8, 2, 2]"}));
  for (const std::int64_t channels : {17, 27}) {
    const auto x = torch::zeros({1, 2, 3, 3});
    EXPECT_TRUE(
        throws<ShapeError>([&] { extract_patches(x, false, torch::kFloat, channels); }, {"9P", "[1, 2, 3, 3]"}));
  }
}

}  // namespace
}  // namespace glow::ops::patches_test
