#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/options.h>

namespace glow::nn {

/// The latents of N images: the whitened eps of every level, N(0, I) under the model, so that temperature,
/// interpolation and editing are arithmetic on eps. All levels together have D = C*H*W elements per image.
struct Latents {
  /// eps[l] is [N, C_l, H_l, W_l], from the finest level 0 to the top.
  std::vector<torch::Tensor> eps;
};

/// Concatenates all levels to one row per image, [N, D]: eps_0 ... eps_{L-1}, each in C, H, W order.
torch::Tensor flatten(const Latents& latents);

/// The inverse of flatten for a model with these options. Throws ShapeError if the rows do not have D elements.
Latents unflatten(const torch::Tensor& rows, const GlowOptions& options);

}  // namespace glow::nn
