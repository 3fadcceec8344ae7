#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include <torch/types.h>

namespace glow::nn {

/// What the latents are multiplied by when sampling (Glow, section 6): one number, or one per level from the finest to
/// the top. 1 samples the model, 0 gives its mean image.
class Temperature {
 public:
  Temperature(double all_levels) : values_{all_levels} {}
  Temperature(std::initializer_list<double> per_level) : values_(per_level) {}
  Temperature(std::vector<double> per_level) : values_(std::move(per_level)) {}

  /// The temperature of level `level` of `levels`. Throws ConfigError when there are neither 1 nor `levels` of them, or
  /// one is negative or not finite.
  double at(std::int64_t level, std::int64_t levels) const;
  /// As they were given: one, or one per level.
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};

struct SampleOptions {
  Temperature temperature = 1.0;
  std::uint64_t seed = 0;
  /// Global index of the first image: image i of a run has the same latents however the run is cut into calls.
  std::int64_t first_index = 0;
  /// int64 [count], the classes; undefined: a conditional model draws them uniformly by seed and index.
  torch::Tensor labels = {};
};

}  // namespace glow::nn
