#include "nn/fold_convolution.h"

#include <ATen/ATen.h>

namespace glow::nn {

FoldedConvolution fold_gathering(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& scale) {
  // A view: weights lie channels_last in memory.
  const auto rows = weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
  return {rows * scale.unsqueeze(1), bias * scale};
}

FoldedConvolution fold_summing(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& scale,
                               std::int64_t inputs) {
  const auto outputs = weight.size(0);
  // [3, 3, O, I + edge]: what a pixel has for its neighbour is what that sees in the opposite direction.
  const auto taps = (weight.flip({2, 3}) * scale.view({-1, 1, 1, 1})).permute({2, 3, 0, 1});
  const auto outside = taps.size(3) > inputs ? taps.select(3, inputs).reshape({9, outputs})
                                             : torch::zeros({9, outputs}, weight.options().requires_grad(false));
  return {taps.narrow(3, 0, inputs).reshape({9 * outputs, inputs}), bias * scale, outside};
}

}  // namespace glow::nn
