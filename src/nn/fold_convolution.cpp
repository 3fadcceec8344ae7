#include "nn/fold_convolution.h"

#include <ATen/ATen.h>

namespace glow::nn {
namespace {

/// [O, k, k, I], a view: weights lie channels_last in memory.
torch::Tensor taps_last(const torch::Tensor& weight) { return weight.permute({0, 2, 3, 1}); }

/// [3, 3, O, I] from [O, I, 3, 3]: what a pixel has for its neighbour is what that sees in the opposite direction.
torch::Tensor opposite_taps(const torch::Tensor& weight) { return weight.flip({2, 3}).permute({2, 3, 0, 1}); }

/// The reverse.
torch::Tensor from_opposite_taps(const torch::Tensor& taps) { return taps.permute({2, 3, 0, 1}).flip({2, 3}); }

/// Through (conv(x) + bias) * scale; `gradient` [O, I, k, k] and `bias_gradient` [O] are those of weight * scale and
/// bias * scale, and the first becomes that of weight.
ScaledConvolution scale_backward(const ScaledConvolution& convolution, torch::Tensor gradient,
                                 const torch::Tensor& bias_gradient) {
  const auto& [weight, bias, scale] = convolution;
  const auto of_scale = (gradient * weight).sum({1, 2, 3}) + bias_gradient * bias;
  return {gradient.mul_(scale.view({-1, 1, 1, 1})), bias_gradient * scale, of_scale};
}

}  // namespace

FoldedConvolution fold_gathering(const ScaledConvolution& convolution) {
  const auto& [weight, bias, scale] = convolution;
  const auto rows = taps_last(weight).reshape({weight.size(0), -1});
  return {rows * scale.unsqueeze(1), bias * scale};
}

FoldedConvolution fold_summing(const ScaledConvolution& convolution, std::int64_t inputs) {
  const auto& [weight, bias, scale] = convolution;
  const auto outputs = weight.size(0);
  const auto taps = opposite_taps(weight * scale.view({-1, 1, 1, 1}));
  const auto outside = taps.size(3) > inputs ? taps.select(3, inputs).reshape({9, outputs})
                                             : torch::zeros({9, outputs}, weight.options().requires_grad(false));
  return {taps.narrow(3, 0, inputs).reshape({9 * outputs, inputs}), bias * scale, outside};
}

ScaledConvolution fold_gathering_backward(const ScaledConvolution& convolution, FoldedConvolution gradient) {
  const auto& weight = convolution.weight;
  const auto of_weight = gradient.weight.view(taps_last(weight).sizes()).permute({0, 3, 1, 2});
  return scale_backward(convolution, of_weight, gradient.bias);
}

ScaledConvolution fold_summing_backward(const ScaledConvolution& convolution, FoldedConvolution gradient) {
  const auto& weight = convolution.weight;
  const auto outputs = weight.size(0), inputs = gradient.weight.size(1);
  auto taps = gradient.weight.view({3, 3, outputs, inputs});
  if (weight.size(1) > inputs) taps = at::cat({taps, gradient.outside.view({3, 3, outputs, 1})}, 3);
  return scale_backward(convolution, from_opposite_taps(taps), gradient.bias);
}

}  // namespace glow::nn
