#pragma once

#include <glow/nn/convolution.h>

namespace glow::nn {

// A convolution and what comes after it, (conv(x) + bias) * scale, as one (FoldedConvolution). weight [O, I, k, k],
// bias and scale [O]. Differentiable.

/// One that gathers.
FoldedConvolution fold_gathering(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& scale);

/// One that sums; planes of the weight beyond `inputs` are the edge plane's.
FoldedConvolution fold_summing(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& scale,
                               std::int64_t inputs);

}  // namespace glow::nn
