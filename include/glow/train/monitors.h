#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/nn/glow.h>

#pragma GCC visibility push(default)

namespace glow::train {

/// Measures of how well a flow can be inverted. They show the loss of the inverse long before the density does
/// (Behrmann et al. 2021, "Understanding and mitigating exploding inverses").
struct Monitors {
  /// max|decode(encode(x)) - x| in the unit of x, where x are the bin centres of images of the data. Infinite when
  /// there is no inverse. Below half_bin the bytes are reconstructed exactly.
  double reconstruction_error = 0;
  /// The same of constant images (black, grey, white).
  double reconstruction_error_constant = 0;
  /// The same of uniform noise, which is far from the training data and usually inverted worst.
  double reconstruction_error_noise = 0;
  /// Half the width of a bin, 2^-(bits + 1).
  double half_bin = 0;
  /// [level][step]: the smallest singular value of each learned 1x1 matrix or, in the LU form, its smallest |U_ii|.
  /// Empty for fixed permutations.
  std::vector<std::vector<double>> smallest_singular_values = {};
  /// The largest factor that a layer multiplies by, exp(3*log_scale) of an actnorm.
  double largest_scale = 0;
  /// The name of its parameter.
  std::string largest_scale_name = {};
};

/// Measures a model with the first 16 images, or all when there are fewer; a conditional model gets their labels. The
/// noise is a pure function of `seed`. Records no graph. Throws ShapeError and ConfigError as the model does, and the
/// errors of reading the images.
Monitors monitor(const nn::Glow& model, const data::Images& images, std::uint64_t seed);

}  // namespace glow::train

#pragma GCC visibility pop
