#pragma once

#include <cstdint>

#include <torch/types.h>

#include <glow/nn/latents.h>

namespace glow::latent {

/// Rows [N, D] as latents whose levels have the shapes of those of `like`. Throws ShapeError for another D.
nn::Latents from_rows(const torch::Tensor& rows, const nn::Latents& like);

/// D: the number of dimensions of one image.
std::int64_t dimensions(const nn::Latents& latents);

}  // namespace glow::latent
