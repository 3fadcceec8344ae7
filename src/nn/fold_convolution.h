#pragma once

#include "nn/convolution.h"

namespace glow::nn {

/// As one convolution that gathers. Differentiable.
FoldedConvolution fold_gathering(const ScaledConvolution& convolution);

/// As one that sums; planes of the weight beyond `inputs` are the edge plane's. Differentiable.
FoldedConvolution fold_summing(const ScaledConvolution& convolution, std::int64_t inputs);

// From the gradient with respect to the result, which may be written over, that with respect to what was folded. No
// graph.

ScaledConvolution fold_gathering_backward(const ScaledConvolution& convolution, FoldedConvolution gradient);
ScaledConvolution fold_summing_backward(const ScaledConvolution& convolution, FoldedConvolution gradient);

}  // namespace glow::nn
