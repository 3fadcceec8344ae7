#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include <torch/types.h>

#include <glow/nn/options.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// The latents of N images: the whitened eps of every level, N(0, I) under the model, so that temperature,
/// interpolation and editing are arithmetic on eps. All levels together have D = C*H*W elements per image.
struct Latents {
  /// eps[l] is [N, C_l, H_l, W_l], from the finest level 0 to the top.
  std::vector<torch::Tensor> eps;

  /// All levels on another device or in another dtype: to(torch::kCPU), to(torch::kDouble).
  Latents to(const torch::TensorOptions& options) const;
};

/// Concatenates all levels to one row per image, [N, D]: eps_0 ... eps_{L-1}, each in C, H, W order.
torch::Tensor flatten(const Latents& latents);

/// The inverse of flatten for a model with these options. Throws ShapeError if the rows do not have D elements.
Latents unflatten(const torch::Tensor& rows, const GlowOptions& options);

/// The factor by which sampling multiplies the latents (Glow, section 6): one value, or one per level from the finest
/// to the top. 1 samples from the model; 0 gives the image of eps = 0.
class Temperature {
 public:
  // Implicit, so that `.temperature = 0.7` can be written.

  /// One temperature for all levels.
  Temperature(double all_levels) : values_{all_levels} {}  // NOLINT(google-explicit-constructor)
  /// A temperature for each level, from the finest to the top.
  Temperature(std::initializer_list<double> per_level) : values_(per_level) {}
  /// A temperature for each level, from the finest to the top.
  Temperature(std::vector<double> per_level) : values_(std::move(per_level)) {}  // NOLINT(google-explicit-constructor)

  /// The temperature of level `level` of `levels`. Throws ConfigError unless there are 1 or `levels` values, all of
  /// them finite and not negative.
  double at(std::int64_t level, std::int64_t levels) const;
  /// The values passed to the constructor: one, or one per level.
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};

/// The images that `sample` draws.
struct SampleOptions {
  /// Factor of the standard normal latents.
  Temperature temperature = 1.0;
  /// Seed of latents and labels.
  std::uint64_t seed = 0;
  /// Global index of the first image. The latents of image i are the same for every division of a run into calls.
  std::int64_t first_index = 0;
  /// int64 [count], the classes. Undefined: a conditional model draws them uniformly, from the seed and the image's
  /// index.
  torch::Tensor labels = {};
};

}  // namespace glow::nn

#pragma GCC visibility pop
