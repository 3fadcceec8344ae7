#pragma once

#include <torch/types.h>

namespace glow::ops {

// Float32, float64, or bfloat16, with the sums of a product in float32 before they are rounded.

/// weight * x + bias at every pixel, in other words a 1x1 convolution: x [N, I, H, W], weight [O, I], bias [O] or
/// undefined -> [N, O, H, W], channels_last. Differentiable.
torch::Tensor pixel_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

/// max(0, weight * x + bias), and 0 or NaN where that is no number. Differentiable.
torch::Tensor pixel_product_relu(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// The gradient of the product with respect to x, from that of the result [N, O, H, W]: [N, I, H, W]. No graph.
torch::Tensor pixel_product_input_gradient(const torch::Tensor& gradient, const torch::Tensor& weight);

/// The gradient of the product with respect to weight [O, I], from that of the result [N, O, H, W] and x; float32 for
/// bfloat16, of which a processor that multiplies it has rounded the result. No graph.
torch::Tensor pixel_product_weight_gradient(const torch::Tensor& gradient, const torch::Tensor& x);

/// From y = pixel_product_relu(...) and its gradient, both channels_last: sets the gradient to 0, in place, where y is,
/// and returns its sum over all pixels, [O], the gradient with respect to the bias; float32 for bfloat16. No graph.
torch::Tensor relu_backward_(torch::Tensor gradient, const torch::Tensor& y);

}  // namespace glow::ops
