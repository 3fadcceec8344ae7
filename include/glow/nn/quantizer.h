#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/ops/random.h>

namespace glow::nn {

struct DequantizeOptions {
  /// Seed of the noise.
  std::uint64_t seed = 0;
  /// Which noise: sets of images that are compared as independent ones need streams of their own.
  ops::Stream stream = ops::Stream::kDequantisation;
  /// Which draw of the noise: training step or evaluation draw.
  std::int64_t draw = 0;
  /// Global index of each image; empty: 0..N-1. Image i's noise is a pure function of
  /// (seed, stream, draw, indices[i]).
  std::vector<std::int64_t> indices = {};
  /// kFloat or kDouble.
  torch::Dtype dtype = torch::kFloat;
};

/// Bytes to continuous values and back, and the bits/dim that belong to them (Glow, section 2; uniform dequantisation
/// after Theis et al. 2016). With n = 2^bits, bin q is the interval [q/n - 1/2, (q+1)/n - 1/2).
class Quantizer {
 public:
  /// `bits` in 1..8; `dimensions` is C*H*W of the image. Throws ConfigError.
  Quantizer(std::int64_t bits, std::int64_t dimensions);

  std::int64_t bits() const { return bits_; }
  /// n = 2^bits
  std::int64_t bins() const { return std::int64_t{1} << bits_; }

  /// uint8 [N, ...] in 0..255 -> the same shape in [-1/2, 1/2), a fresh uniform point of each value's bin, on the
  /// bytes' device. Rounding never leaves the bin. Throws ShapeError for another dtype, or when indices are not N.
  torch::Tensor dequantize(const torch::Tensor& bytes, const DequantizeOptions& options = {}) const;

  /// The same with the noise of noise_rows(N, options), [N, 3], on the CPU or the bytes' device: for a CUDA graph,
  /// which can read no options. Throws ShapeError when they are not as many as the images.
  torch::Tensor dequantize(const torch::Tensor& bytes, const torch::Tensor& rows, torch::Dtype dtype) const;
  /// random_rows of the noise that the options say, for `images` images. Throws ShapeError when indices are not as
  /// many.
  static torch::Tensor noise_rows(std::int64_t images, const DequantizeOptions& options);

  /// uint8 [N, ...] -> the centres of the bins; what latents and edits start from.
  torch::Tensor center(const torch::Tensor& bytes, torch::Dtype dtype = torch::kFloat) const;

  /// float [N, ...] -> uint8 in 0..255, the lowest byte of each value's bin; values outside [-1/2, 1/2) are clamped,
  /// NaN becomes 0.
  torch::Tensor to_bytes(const torch::Tensor& x) const;

  /// Density of the continuous image, nats [N] -> upper bound of -log2 P(image) per dimension, bits/dim [N].
  torch::Tensor bits_per_dim(const torch::Tensor& log_prob) const;

 private:
  torch::Tensor bin(const torch::Tensor& bytes) const;

  std::int64_t bits_;
  std::int64_t dimensions_;
};

}  // namespace glow::nn
