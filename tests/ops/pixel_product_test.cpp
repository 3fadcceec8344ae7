#include "ops/pixel_product.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tensors.h"

namespace glow::ops::pixel_product_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;

struct Case {
  torch::Dtype dtype;
  double tolerance;
  std::int64_t inputs, outputs, height, width;
};

/// Compares with products computed in float64, in the memory layouts of a flow step.
class PixelProductTest : public ::testing::TestWithParam<Case> {
 protected:
  torch::Tensor images(std::int64_t channels, std::uint64_t seed) const {
    return random_normal({3, channels, GetParam().height, GetParam().width}, seed)
        .to(GetParam().dtype)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }
  static torch::Tensor exact(const torch::Tensor& x) { return x.to(torch::kDouble); }

  double tolerance = GetParam().tolerance;
  torch::Tensor x = images(GetParam().inputs, 1);
  torch::Tensor weight = random_normal({GetParam().outputs, GetParam().inputs}, 2).to(GetParam().dtype);
  torch::Tensor bias = random_normal({GetParam().outputs}, 3).to(GetParam().dtype);
  torch::Tensor expected = at::einsum("oi,nihw->nohw", {exact(weight), exact(x)}) + exact(bias).view({1, -1, 1, 1});
};

TEST_P(PixelProductTest, MultipliesTheChannelsOfEveryPixel) {
  const auto y = pixel_product(x, weight, bias);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(close(y, expected, tolerance));
  EXPECT_TRUE(close(pixel_product(x, weight.t().contiguous().t(), bias), expected, tolerance));
  EXPECT_TRUE(close(pixel_product(x, weight), expected - exact(bias).view({1, -1, 1, 1}), tolerance));
  EXPECT_TRUE(close(pixel_product_relu(x, weight, bias), expected.relu(), tolerance));
  const auto half = at::cat({x, x}, 1).contiguous(at::MemoryFormat::ChannelsLast).narrow(1, 0, x.size(1));
  EXPECT_TRUE(close(pixel_product(half, weight, bias), expected, tolerance));
}

TEST_P(PixelProductTest, GradientsMatchAutograd) {
  const auto w = exact(weight).requires_grad_(), b = exact(bias).requires_grad_(), input = exact(x).requires_grad_();
  const auto y = (at::einsum("oi,nihw->nohw", {w, input}) + b.view({1, -1, 1, 1})).relu();
  const auto gradient = images(GetParam().outputs, 4);
  y.backward(exact(gradient));
  const auto own = pixel_product_relu(x, weight, bias);
  const auto masked = gradient.clone();
  EXPECT_TRUE(close(relu_backward_(masked, own), b.grad(), 20 * tolerance));
  EXPECT_TRUE(masked.equal(gradient * own.gt(0)));
  const auto other = gradient.contiguous(at::MemoryFormat::Contiguous).clone();
  EXPECT_TRUE(close(relu_backward_(other, own.contiguous(at::MemoryFormat::Contiguous)), b.grad(), 20 * tolerance));
  EXPECT_TRUE(other.equal(masked));
  EXPECT_TRUE(close(pixel_product_weight_gradient(masked, x), w.grad(), 20 * tolerance));
  const auto of_x = pixel_product_input_gradient(masked, weight);
  EXPECT_TRUE(of_x.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(close(of_x, input.grad(), tolerance));
}

TEST_P(PixelProductTest, GradientOfTheBiasAlone) {
  const auto learned = bias.clone().requires_grad_();
  pixel_product(x, weight, learned).sum().backward();
  ASSERT_TRUE(learned.grad().defined());
  EXPECT_TRUE(close(learned.grad(), torch::full_like(bias, x.numel() / x.size(1)), tolerance));
}

TEST_P(PixelProductTest, PropagatesNaN) {
  x[0][0][0][0] = std::nan("");
  EXPECT_TRUE(pixel_product(x, weight, bias).select(0, 0).select(1, 0).select(1, 0).isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, PixelProductTest,
    ::testing::Values(Case{torch::kDouble, 1e-12, 5, 7, 2, 3}, Case{torch::kDouble, 1e-12, 1, 1, 1, 1},
                      Case{torch::kFloat, 1e-5, 63, 40, 8, 6}, Case{torch::kFloat, 1e-5, 96, 96, 14, 14},
                      Case{torch::kFloat, 1e-5, 3, 9, 1, 1}, Case{torch::kFloat, 1e-5, 130, 130, 16, 16},
                      // Sums are in float32; the tolerance is the rounding error of a result.
                      Case{torch::kBFloat16, 5e-3, 63, 40, 8, 6}, Case{torch::kBFloat16, 5e-3, 130, 130, 16, 16}));

}  // namespace
}  // namespace glow::ops::pixel_product_test
