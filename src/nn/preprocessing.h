#pragma once

#include <glow/nn/options.h>
#include <glow/ops/logit.h>

namespace glow::nn {

/// What a family makes of images x [N, C, H, W] in [-1/2, 1/2) before its flow: RealNVP their logits, NICE their values
/// in [0, 1), Glow nothing. Differentiable.
ops::Transformed preprocess(Family family, const torch::Tensor& x);

/// The inverse of preprocess. Differentiable.
torch::Tensor undo_preprocessing(Family family, const torch::Tensor& y);

}  // namespace glow::nn
