#pragma once

#include <cstdint>
#include <vector>

#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// The noise of `vary` and resample_finest.
struct VaryOptions {
  /// How much of eps is replaced by noise: 0 nothing, 1 all. One number, or one for each level from the finest to the
  /// top.
  std::vector<double> amount = {0.3};
  /// Temperature of the noise; one number or one for each level.
  nn::Temperature temperature = 1.0;
  /// Seed of the noise.
  std::uint64_t seed = 0;
  /// Index of the noise: different for each variation of an image.
  std::int64_t draw = 0;
  /// Global index of each image; empty: 0..N-1. Image i's noise is a pure function of (seed, draw, indices[i]).
  std::vector<std::int64_t> indices = {};

  /// Throws ConfigError that names the field.
  void validate(std::int64_t levels) const;
};

/// Similar images: eps' = sqrt(1 - a^2) eps + a T noise with a = amount, standard normal noise and T its temperature.
/// With T = 1, eps' is standard normal if eps is, for every a. A level with a = 0 is unchanged bit for bit. Throws
/// ConfigError (VaryOptions::validate), ShapeError (also for the number of indices).
nn::Latents vary(const nn::Latents& latents, const VaryOptions& options = {});

/// Replaces the finest `resampled` levels by new samples, to show what the other levels encode. Uses all of `options`
/// except the amount. Throws ConfigError unless resampled is 0 to the number of levels.
nn::Latents resample_finest(const nn::Latents& latents, std::int64_t resampled, VaryOptions options = {});

}  // namespace glow::latent

#pragma GCC visibility pop
