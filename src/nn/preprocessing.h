#pragma once

#include <glow/nn/options.h>

#include "ops/logit.h"

namespace glow::nn {

/// The transform of a family's FamilySpec::preprocessing on images x [N, C, H, W] in [-1/2, 1/2). Differentiable.
ops::Transformed preprocess(Family family, const torch::Tensor& x);

/// The inverse of preprocess. Differentiable.
torch::Tensor undo_preprocessing(Family family, const torch::Tensor& y);

}  // namespace glow::nn
