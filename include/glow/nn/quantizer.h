#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/ops/random.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// The noise of Quantizer::dequantize.
struct DequantizeOptions {
  /// Seed of the noise.
  std::uint64_t seed = 0;
  /// Random stream of the noise. Image sets that are compared as independent samples need different streams.
  ops::Stream stream = ops::Stream::kDequantisation;
  /// Global index of each image; empty: 0..N-1. Image i's noise is a pure function of
  /// (seed, stream, draw, indices[i]), where `draw` is dequantize's parameter.
  std::vector<std::int64_t> indices = {};
  /// kFloat or kDouble.
  torch::Dtype dtype = torch::kFloat;
};

/// Converts bytes to continuous values and back, and densities to bits/dim (Glow, section 2; uniform dequantisation:
/// Theis et al. 2016). With n = 2^bits, a byte belongs to bin
///
///     q = floor(byte * n / 256),   the interval [q/n - 1/2, (q+1)/n - 1/2)
class Quantizer {
 public:
  /// `bits` in 1..8; `dimensions` is C*H*W of the image. Throws ConfigError.
  Quantizer(std::int64_t bits, std::int64_t dimensions);

  /// Bits per channel value, 1..8.
  std::int64_t bits() const { return bits_; }
  /// n = 2^bits
  std::int64_t bins() const { return std::int64_t{1} << bits_; }

  /// uint8 [N, ...] in 0..255 -> x = (q + u)/n - 1/2 in [-1/2, 1/2), u uniform in [0, 1), with the bytes' shape and
  /// device. x is inside its bin also after rounding. `draw` >= 0 is the training step, or the draw of an evaluation:
  /// the same number repeats the same noise. Throws ShapeError for another dtype, or if indices are given and their
  /// number is not N; ConfigError for a draw or an index out of range.
  torch::Tensor dequantize(const torch::Tensor& bytes, std::int64_t draw, const DequantizeOptions& options = {}) const;

  /// The same with `rows` = noise_rows(N, draw, options), [N, 3], on the CPU or the bytes' device: for CUDA graphs,
  /// whose inputs must be tensors. Throws ShapeError if the number of rows is not N.
  torch::Tensor dequantize(const torch::Tensor& bytes, const torch::Tensor& rows, torch::Dtype dtype) const;
  /// The rows of random numbers (ops::random_rows) that give the noise of `images` images. Throws ShapeError if indices
  /// are given and their number is not `images`.
  static torch::Tensor noise_rows(std::int64_t images, std::int64_t draw, const DequantizeOptions& options = {});

  /// uint8 [N, ...] -> the centres of the bins, (q + 1/2)/n - 1/2. Latents and edits use them instead of noise.
  torch::Tensor center(const torch::Tensor& bytes, torch::Dtype dtype = torch::kFloat) const;

  /// float [N, ...] -> uint8 in 0..255, the lowest byte of each value's bin, q * 256/n. Values outside [-1/2, 1/2) are
  /// clamped, NaN becomes 0.
  torch::Tensor to_bytes(const torch::Tensor& x) const;

  /// log p(x) of the continuous images, nats [N] -> bits/dim [N]: -(log p(x) - D log n) / (D log 2). Its mean over the
  /// noise is an upper bound of -log2 P(image) / D.
  torch::Tensor bits_per_dim(const torch::Tensor& log_prob) const;

 private:
  torch::Tensor bin(const torch::Tensor& bytes) const;

  std::int64_t bits_;
  std::int64_t dimensions_;
};

}  // namespace glow::nn

#pragma GCC visibility pop
