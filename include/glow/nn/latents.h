#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/options.h>

namespace glow::nn {

/// An image's latents: the whitened eps of every level, so that temperature, interpolation and editing are arithmetic
/// on them. Together they have as many numbers as the image.
struct Latents {
  /// eps[l] is [N, C_l, H_l, W_l], from the finest level 0 to the top.
  std::vector<torch::Tensor> eps;
};

/// All levels in one row per image, [N, D]: eps_0 ... eps_{L-1}, each in C, H, W order.
torch::Tensor flatten(const Latents& latents);

/// The reverse, for a model with these options. Throws ShapeError when rows do not have D numbers.
Latents unflatten(const torch::Tensor& rows, const GlowOptions& options);

}  // namespace glow::nn
