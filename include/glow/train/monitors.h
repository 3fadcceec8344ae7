#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/nn/glow.h>

namespace glow::train {

/// What shows that a flow is about to lose its inverse, long before its density does (Behrmann et al. 2021,
/// "Understanding and mitigating exploding inverses").
struct Monitors {
  /// max|decode(encode(x)) - x| of bin centres: of images of the data, of constant ones (black, grey, white) and of
  /// uniform noise, which a model has not learned and inverts worst. Infinite where there is no inverse. Below half a
  /// bin, half_bin, bytes come back.
  double reconstruction_error = 0, reconstruction_error_constant = 0, reconstruction_error_noise = 0;
  double half_bin = 0;
  /// Of each learned 1x1 map by level and step: the smallest singular value of its matrix or, in the LU form, the
  /// smallest |U_ii|. Empty for fixed permutations.
  std::vector<std::vector<double>> smallest_singular_values = {};
  /// The largest exp(3*log_scale) of the model, and the parameter that it is in.
  double largest_scale = 0;
  std::string largest_scale_name = {};
};

/// Looks at a model with the first 16 of the images, or all; a conditional model sees them under their own labels. The
/// noise is a pure function of `seed`. Records no graph. Throws ShapeError, ConfigError as the model does, and what
/// reading the images throws.
Monitors monitor(const nn::Glow& model, const data::Images& images, std::uint64_t seed);

}  // namespace glow::train
