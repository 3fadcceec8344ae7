#include "nn/convolution.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/patches.h"
#include "ops/pixel_product.h"
#include "support/finite_differences.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::convolution_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;

torch::Tensor over_channels(const torch::Tensor& vector) { return vector.view({1, -1, 1, 1}); }

class ActNormConvTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ActNormConvTest, FoldEqualsConvolutionThenActnorm) {
  ActNormConv layer(3, 5, GetParam());
  layer->to(torch::kDouble);
  randomize(layer, 1);
  const auto x = random_normal({2, 3, 4, 6}, 2);
  const auto& actnorm = *layer->actnorm;
  const auto expected = (at::conv2d(x, layer->weight, {}, 1, GetParam() / 2) + over_channels(actnorm.bias)) *
                        (3 * over_channels(actnorm.log_scale)).exp();
  const auto folded = fold_gathering(layer->scaled());
  const auto gathered = GetParam() == 1 ? x : ops::extract_patches(x, /*with_edge_plane=*/false);
  EXPECT_TRUE(close(ops::pixel_product(gathered, folded.weight, folded.bias), expected, 1e-13));
}

TEST_P(ActNormConvTest, InitialWeightsHaveStandardDeviation005) {
  ActNormConv layer(40, 50, GetParam());
  WeightSource source(3);
  layer->draw(source);
  const auto count = static_cast<double>(layer->weight.numel());
  EXPECT_NEAR(layer->weight.mean().item<double>(), 0, 4 * 0.05 / std::sqrt(count));
  EXPECT_NEAR(layer->weight.std().item<double>(), 0.05, 4 * 0.05 / std::sqrt(2 * count));
}

INSTANTIATE_TEST_SUITE_P(Kernels, ActNormConvTest, ::testing::Values(1, 3));

struct Size {
  std::int64_t height;
  std::int64_t width;
};

class ZeroConvTest : public ::testing::TestWithParam<std::tuple<bool, Size>> {
 protected:
  bool edge_bias() const { return std::get<0>(GetParam()); }
  Size size() const { return std::get<1>(GetParam()); }
  ZeroConv random_layer() const {
    ZeroConv layer(3, 4, edge_bias());
    layer->to(torch::kDouble);
    randomize(layer, 4);
    return layer;
  }
};

TEST_P(ZeroConvTest, FoldEqualsScaledConvolution) {
  const auto layer = random_layer();
  const auto x = random_normal({2, 3, size().height, size().width}, 5);
  const auto expected = (at::conv2d(ops::pad_with_edge(x, edge_bias()), layer->weight) + over_channels(layer->bias)) *
                        (3 * over_channels(layer->log_scale)).exp();
  const auto folded = layer->fold();
  EXPECT_TRUE(close(apply(folded, x), expected, 1e-13));
  EXPECT_TRUE(close(apply(folded, x.contiguous(at::MemoryFormat::ChannelsLast)), expected, 1e-13));
}

TEST_P(ZeroConvTest, InitialOutputIsZero) {
  const ZeroConv layer(3, 4, edge_bias());
  const auto x = random_normal({2, 3, size().height, size().width}, 6).to(torch::kFloat);
  EXPECT_TRUE(apply(layer->fold(), x).eq(0).all().item<bool>());
}

TEST_P(ZeroConvTest, GradientsMatchFiniteDifferences) {
  const auto layer = random_layer();
  const auto x = random_normal({2, 3, size().height, size().width}, 7).requires_grad_();
  const auto function = [&] { return apply(layer->fold(), x).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x, x.grad(), 8));
  for (const auto& item : layer->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 24)) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(EdgeBiasAndSize, ZeroConvTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(Size{1, 1}, Size{1, 3}, Size{2, 2}, Size{5, 3})));

TEST(ZeroLinearTest, ScalesTheLinearMapAndStartsAtZero) {
  ZeroLinear layer(3, 4);
  layer->to(torch::kDouble);
  randomize(layer, 8);
  const auto x = random_normal({5, 3}, 9);
  const auto expected = (x.matmul(layer->weight.t()) + layer->bias) * (3 * layer->log_scale).exp();
  EXPECT_TRUE(close(layer->forward(x), expected, 1e-14));
  EXPECT_TRUE(ZeroLinear(3, 4)->forward(torch::ones({2, 3})).eq(0).all().item<bool>());
}

}  // namespace
}  // namespace glow::nn::convolution_test
