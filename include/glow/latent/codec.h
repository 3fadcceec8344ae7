#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include <glow/nn/glow.h>
#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// Turns any number of images into latents and back, in batches of limited size. Records no graph. glow::Model has
/// the same functions without progress.
class Codec {
 public:
  /// Called after each batch with the number of images done and of all images of the call. An exception that it throws
  /// ends the call.
  using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

  /// At most `batch` images are computed at once. Throws ConfigError when batch is below 1.
  Codec(nn::Glow model, std::int64_t batch, Progress progress = nullptr);

  /// The model that computes.
  const nn::Glow& model() const { return model_; }
  /// The most images that are computed at once.
  std::int64_t batch() const { return batch_; }

  /// The latents of images uint8 [N, C, H, W], at the centres of the bins; on the model's device. `labels`: int64 [N]
  /// for a conditional model, otherwise undefined. Throws as GlowImpl::encode, as do the other functions.
  nn::Latents encode(const torch::Tensor& bytes, const torch::Tensor& labels) const;
  /// The inverse: uint8 [N, C, H, W] on the CPU.
  torch::Tensor decode(const nn::Latents& latents, const torch::Tensor& labels);
  /// Images first_index ... first_index + count - 1 of the sampling `options`, uint8 [count, C, H, W] on the CPU. They
  /// do not depend on the batch size.
  torch::Tensor sample(std::int64_t count, const nn::SampleOptions& options);

  /// Divides `total` images into batches and calls work(first, count) for each, with progress. For images that are read
  /// or written batch by batch: `work` computes one batch with the functions below.
  void in_batches(std::int64_t total, const std::function<void(std::int64_t first, std::int64_t count)>& work) const;

  /// `encode` of one batch, without progress.
  nn::Latents encode_batch(const torch::Tensor& bytes, const torch::Tensor& labels) const;
  /// `decode` of one batch, without progress.
  torch::Tensor decode_batch(const nn::Latents& latents, const torch::Tensor& labels);
  /// `sample` of one batch, without progress.
  torch::Tensor sample_batch(std::int64_t count, const nn::SampleOptions& options);

  /// The images with values that are not finite, among all that were decoded and sampled: their indices in the order of
  /// computation.
  const std::vector<std::int64_t>& not_finite() const { return not_finite_; }

 private:
  /// Images as bytes. Adds the indices of images with values that are not finite to not_finite_.
  torch::Tensor to_bytes(const torch::Tensor& images);

  nn::Glow model_;
  std::int64_t batch_;
  Progress progress_;
  /// Images decoded and sampled so far.
  std::int64_t made_ = 0;
  std::vector<std::int64_t> not_finite_;
};

/// A range of `labels`, int64 [N] or undefined.
torch::Tensor narrow_labels(const torch::Tensor& labels, std::int64_t first, std::int64_t count);

}  // namespace glow::latent

#pragma GCC visibility pop
