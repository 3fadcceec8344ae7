#pragma once

#include "nn/convolution.h"

namespace glow::nn {

/// Folds the scale into a convolution that gathers. Differentiable.
FoldedConvolution fold_gathering(const ScaledConvolution& convolution);

/// Folds the scale into a convolution that sums. A plane of the weight beyond `inputs` is the edge plane's.
/// Differentiable.
FoldedConvolution fold_summing(const ScaledConvolution& convolution, std::int64_t inputs);

// The backward passes: the gradient with respect to `convolution`, from that with respect to the folded convolution,
// which may be overwritten. They record no graph.

ScaledConvolution fold_gathering_backward(const ScaledConvolution& convolution, FoldedConvolution gradient);
ScaledConvolution fold_summing_backward(const ScaledConvolution& convolution, FoldedConvolution gradient);

}  // namespace glow::nn
