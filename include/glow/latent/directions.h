#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/options.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// Directions of attributes in the space of eps (Glow, section 6), by name.
struct Directions {
  /// K different names, one for each row of `vectors`.
  std::vector<std::string> names;
  /// float32 [K, D] on the CPU, in the order of nn::flatten: the mean eps of images with the attribute minus the mean
  /// of images without it.
  torch::Tensor vectors;
  /// int64 [K, 2]: the numbers of images with and without the attribute.
  torch::Tensor counts;

  /// The vector of a name, [D]. Throws ConfigError that lists at most ten names when there is no such name.
  torch::Tensor vector(const std::string& name) const;
};

/// Computes directions from any number of labelled images. Keeps only sums, in float64 on the device of the first
/// batch: 16 K D bytes.
class DirectionAccumulator {
 public:
  /// Throws ConfigError when there is no name, or a name appears twice, is empty, longer than 256 bytes, not UTF-8 or
  /// has control characters.
  explicit DirectionAccumulator(std::vector<std::string> names);

  /// Adds N images: their latents and labels, int8 or int64 [N, K], 1 with the attribute, 0 without, -1 unknown
  /// (ignored for this attribute). Throws ShapeError, ConfigError for other labels, NumericalError when the latents are
  /// not finite; then nothing is added.
  void add(const nn::Latents& latents, const torch::Tensor& has);

  /// The directions of the attributes that have images with and without them. Throws ConfigError when there is none.
  Directions finish() const;
  /// The names of the other attributes, which have no direction.
  std::vector<std::string> one_sided() const;

 private:
  std::vector<std::string> names_;
  // For images with and without the attribute: sums, float64 [K, D] on the device of the first batch, and numbers of
  // images, int64 [K] on the CPU.
  torch::Tensor sum_with_, sum_without_;
  torch::Tensor with_, without_;
};

/// eps + strength * direction for every image, direction [D]: strength 1 moves the mean of images without the attribute
/// to the mean of images with it. On the device and in the dtype of the latents. Throws ShapeError.
nn::Latents move(const nn::Latents& latents, const torch::Tensor& direction, double strength);

/// Writes directions of the model with this checksum atomically (docs/formats.md). Throws IoError.
void save_directions(const Directions& directions, const std::string& model_checksum,
                     const std::filesystem::path& path);

/// Reads directions of the model with these options and this checksum. Throws IoError, and FormatError naming the file
/// when it is damaged, has another format, has names that DirectionAccumulator refuses, or belongs to another model.
Directions load_directions(const std::filesystem::path& path, const nn::GlowOptions& options,
                           const std::string& model_checksum);

}  // namespace glow::latent

#pragma GCC visibility pop
