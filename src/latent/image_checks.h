#pragma once

#include <torch/types.h>

namespace glow::latent {

/// Throws ShapeError unless `bytes` are at least one image [N, C, H, W], and `labels` undefined or [N].
void require_images(const torch::Tensor& bytes, const torch::Tensor& labels);

}  // namespace glow::latent
