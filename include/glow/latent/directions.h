#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/options.h>

namespace glow::latent {

/// Directions in eps that attributes of images have (Glow, section 6), by name.
struct Directions {
  std::vector<std::string> names;
  /// float32 [K, D] on the CPU, levels as nn::flatten has them: the mean eps of images with the attribute minus the
  /// mean of those without it.
  torch::Tensor vectors;
  /// int64 [K, 2]: how many images were with it and without it.
  torch::Tensor counts;

  /// The vector of a name, [D]. Throws ConfigError that lists the names, ten at most, when it is none of them.
  torch::Tensor vector(const std::string& name) const;
};

/// Directions from any number of labelled images, of which only sums are kept, in float64 on the device of the first
/// batch: 16·K·D bytes.
class DirectionAccumulator {
 public:
  /// Throws ConfigError when there is no name, one stands twice, is empty, longer than 256 bytes, not UTF-8 or has
  /// control characters.
  explicit DirectionAccumulator(std::vector<std::string> names);

  /// Latents of N images, and whether they have the attributes: int8 or int64 [N, K], 1 yes, 0 no, -1 not known (the
  /// image then counts neither way). Throws ShapeError, ConfigError for other labels, NumericalError when the latents
  /// are not finite; then nothing was added.
  void add(const nn::Latents& latents, const torch::Tensor& has);

  /// The attributes that some images have and some have not. Throws ConfigError when there is none.
  Directions finish() const;
  /// The others, which have no direction.
  std::vector<std::string> one_sided() const;

 private:
  std::vector<std::string> names_;
  /// Of images with the attribute and without it: the sums, float64 [K, D] on the first batch's device, and how many,
  /// int64 [K] on the CPU.
  torch::Tensor sum_with_, sum_without_;
  torch::Tensor with_, without_;
};

/// Every image's eps + strength·direction, for a direction [D]: 0 leaves it as it is, 1 takes the mean image without
/// the attribute to the mean image with it. On the latents' device and in their dtype. Throws ShapeError.
nn::Latents move(const nn::Latents& latents, const torch::Tensor& direction, double strength);

/// Writes directions of the model with that checksum, atomically (docs/formats.md). Throws IoError.
void save_directions(const Directions& directions, const std::string& model_checksum,
                     const std::filesystem::path& path);

/// The reverse. Throws IoError, and FormatError naming the file when it is damaged, is something else, has names that
/// DirectionAccumulator refuses, or belongs to another model than the one with these options and this checksum.
Directions load_directions(const std::filesystem::path& path, const nn::GlowOptions& options,
                           const std::string& model_checksum);

}  // namespace glow::latent
