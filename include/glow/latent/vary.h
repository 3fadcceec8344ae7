#pragma once

#include <cstdint>
#include <vector>

#include <glow/nn/latents.h>
#include <glow/nn/sample_options.h>

namespace glow::latent {

struct VaryOptions {
  /// How much of eps gives way to noise: 0 nothing, 1 all of it. One number, or one a level from the finest to the top.
  std::vector<double> amount = {0.3};
  /// Of the noise; one number or one a level.
  nn::Temperature temperature = 1.0;
  /// Seed of the noise.
  std::uint64_t seed = 0;
  /// Which draw of the noise: variations of one image have different ones.
  std::int64_t draw = 0;
  /// Global index of each image; empty: 0..N-1. Image i's noise is a pure function of (seed, draw, indices[i]).
  std::vector<std::int64_t> indices = {};

  /// Throws ConfigError that names the field.
  void validate(std::int64_t levels) const;
};

/// Other images like these: eps' = sqrt(1 - a²)·eps + a·T·noise with a = amount, noise standard normal and T its
/// temperature. With T = 1 a standard normal eps stays one for every a. A level with a = 0 stays bit for bit.
/// Throws ConfigError (VaryOptions::validate), ShapeError (of the indices, too).
nn::Latents vary(const nn::Latents& latents, const VaryOptions& options = {});

/// The finest `resampled` levels drawn anew, the others as they are: what is left of the image is what these hold.
/// Takes all of `options` but the amount. Throws ConfigError unless resampled is 0 to the number of levels.
nn::Latents resample_finest(const nn::Latents& latents, std::int64_t resampled, VaryOptions options = {});

}  // namespace glow::latent
