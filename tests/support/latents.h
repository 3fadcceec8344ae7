#pragma once

#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/options.h>

#include "support/model_cases.h"
#include "support/tensors.h"

namespace glow::testing {

/// Standard normal latents of a small model's images (96 numbers, two levels), float32 by default.
inline nn::Latents random_latents(std::int64_t count, std::uint64_t seed, torch::Dtype dtype = torch::kFloat) {
  return nn::unflatten(random_normal({count, 96}, seed).to(dtype), small_options(3));
}

/// Whether both are bitwise equal.
inline bool equal(const nn::Latents& one, const nn::Latents& other) {
  bool all = one.eps.size() == other.eps.size();
  for (std::size_t l = 0; all && l < one.eps.size(); ++l) all = one.eps[l].equal(other.eps[l]);
  return all;
}

/// The Euclidean norm of each image's latents, [N].
inline torch::Tensor norms(const nn::Latents& latents) { return nn::flatten(latents).norm(2, {1}); }

}  // namespace glow::testing
