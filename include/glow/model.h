#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/glow.h>
#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow {

/// How a Model computes.
struct ModelOptions {
  /// torch::kCPU, torch::kCUDA, or a torch::Device such as "cuda:1".
  torch::Device device = torch::kCPU;
  /// kFloat or kDouble.
  torch::Dtype dtype = torch::kFloat;
  /// Of the coupling networks in `score` and `sample` (nn::GlowImpl::set_hidden_precision).
  nn::HiddenPrecision hidden_precision = nn::HiddenPrecision::kFull;
  /// The most images that are computed at once; limits the memory.
  std::int64_t batch = 32;
};

/// The noise of Model::score.
struct ModelScoreOptions {
  /// Seed of the noise.
  std::uint64_t seed = 0;
  /// Index of the first image. The noise depends on the index, so that a large set may be scored in several calls.
  std::int64_t first_index = 0;
  /// Draws of the noise over which bits/dim are averaged, at least 1.
  std::int64_t draws = 1;
};

/// A trained model for applications: bytes in, bytes out. It never changes, and no function records a graph, in any
/// mode of the caller. Several threads may use one Model at once. Copies share the weights and cost nothing.
///
/// Images are uint8 [N, C, H, W] in 0..255 with N >= 1, on any device; results are on the CPU unless noted. `labels`
/// are int64 [N] for a conditional model and undefined for another.
///
/// All functions throw ShapeError for tensors of another shape or dtype, and ConfigError for labels that are missing or
/// that the model does not have.
class Model {
 public:
  /// Reads a model file. Throws as nn::load_model, and ConfigError naming a field of the options.
  static Model load(const std::filesystem::path& path, const ModelOptions& options = {});
  /// A copy of `model`, which may be trained on; with the device, dtype and precision of the options, whatever those of
  /// `model` are. Throws ConfigError if it is not initialised, or naming a field of the options.
  explicit Model(const nn::Glow& model, const ModelOptions& options = {});

  /// Bits/dim of each image, float64 [N]: smaller is more likely. Image i has the noise of index first_index + i, so
  /// that a repeated call gives the same numbers. A conditional model without labels: (1/Y) sum_y p(x | y).
  /// evaluate::score computes more: importance-weighted bounds, classes, PNG sizes.
  torch::Tensor score(const torch::Tensor& bytes, const torch::Tensor& labels = {},
                      const ModelScoreOptions& options = {}) const;
  /// The latents of the images (at the centres of their bins), on the model's device.
  nn::Latents encode(const torch::Tensor& bytes, const torch::Tensor& labels = {}) const;
  /// The images of latents, uint8 [N, C, H, W]. decode(encode(bytes)) is `bytes` in the model's bits (the lower ones
  /// are 0), but for rare images that the model finds so unlikely that float32 cannot invert them; compare, or use
  /// kDouble. Throws NumericalError as GlowImpl::decode does, or naming the first image with values that are not
  /// finite.
  torch::Tensor decode(const nn::Latents& latents, const torch::Tensor& labels = {}) const;
  /// Images first_index ... first_index + count - 1 of the sampling `options`, uint8 [count, C, H, W]. A conditional
  /// model without options.labels draws the classes. Throws ConfigError naming a field, NumericalError as `decode`.
  torch::Tensor sample(std::int64_t count, const nn::SampleOptions& options = {}) const;

  /// The hyperparameters: the images' channels, height, width and bits, the number of classes.
  const nn::GlowOptions& options() const { return model_->options(); }
  /// Names of the classes; empty if unknown.
  const std::vector<std::string>& class_names() const { return model_->class_names(); }
  /// The device that computes; Model::encode returns its latents there.
  torch::Device device() const { return model_->device(); }
  /// The module, for the functions of glow::evaluate and glow::latent. All copies use its weights: do not change it.
  const nn::Glow& glow() const { return model_; }

 private:
  struct Owned {};
  Model(nn::Glow model, const ModelOptions& options, Owned);

  nn::Glow model_;
  std::int64_t batch_;
};

}  // namespace glow

#pragma GCC visibility pop
