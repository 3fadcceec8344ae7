#include <glow/nn/quantizer.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/shard.h>

#include "ops/check.h"

namespace glow::nn {

Quantizer::Quantizer(std::int64_t bits, std::int64_t dimensions) : bits_(bits), dimensions_(dimensions) {
  require_range("bits", bits, 1, 8);
  require_at_least("dimensions", dimensions, 1);
}

torch::Tensor Quantizer::bin(const torch::Tensor& bytes) const {
  if (bytes.scalar_type() != torch::kByte || bytes.dim() < 1) {
    throw ShapeError("bytes: expected uint8 [N, ...], got " + std::string(c10::toString(bytes.scalar_type())) + " " +
                     ops::shape_text(bytes.sizes()));
  }
  // q = floor(byte * n / 256)
  return bytes.to(torch::kDouble).div(static_cast<double>(256 / bins())).floor();
}

torch::Tensor Quantizer::noise_rows(std::int64_t images, std::int64_t draw, const DequantizeOptions& options) {
  const auto indices = options.indices.empty() ? index_range(0, images) : options.indices;
  if (static_cast<std::int64_t>(indices.size()) != images) {
    throw ShapeError("dequantize: " + std::to_string(indices.size()) + " indices for " + std::to_string(images) +
                     " images");
  }
  return ops::random_rows({options.seed, options.stream, draw}, indices);
}

torch::Tensor Quantizer::dequantize(const torch::Tensor& bytes, std::int64_t draw,
                                    const DequantizeOptions& options) const {
  const auto images = bytes.dim() > 0 ? bytes.size(0) : 0;
  return dequantize(bytes, noise_rows(images, draw, options), options.dtype);
}

torch::Tensor Quantizer::dequantize(const torch::Tensor& bytes, const torch::Tensor& rows, torch::Dtype dtype) const {
  const auto low = bin(bytes);
  ops::check_shape(rows.dim() == 2 && rows.size(0) == bytes.size(0), "dequantize: expected one row of noise per image",
                   rows);
  if (bytes.numel() == 0) return torch::empty(bytes.sizes(), bytes.options().dtype(dtype));
  const auto u = ops::uniform(rows, bytes.numel() / bytes.size(0), low.options()).view(bytes.sizes());
  const auto n = static_cast<double>(bins());
  const auto x = ((low + u) / n - 0.5).to(dtype);
  // Rounding may move x to the upper edge of its bin, which is exact in both dtypes: limit x to the largest number
  // below the edge.
  const auto edge = ((low + 1) / n - 0.5).to(dtype);
  return at::minimum(x, at::nextafter(edge, torch::full_like(edge, -1.0)));
}

torch::Tensor Quantizer::center(const torch::Tensor& bytes, torch::Dtype dtype) const {
  return ((bin(bytes) + 0.5) / static_cast<double>(bins()) - 0.5).to(dtype);
}

torch::Tensor Quantizer::to_bytes(const torch::Tensor& x) const {
  const auto n = static_cast<double>(bins());
  // q = floor(x n) + n/2. x * n is exact because n is a power of two; x + 1/2 would round values just below an edge up
  // into the next bin.
  const auto q = (x.detach() * n).floor().add(n / 2).clamp(0.0, n - 1).nan_to_num(0.0);
  return q.mul(256.0 / n).to(torch::kByte);
}

torch::Tensor Quantizer::bits_per_dim(const torch::Tensor& log_prob) const {
  const auto d = static_cast<double>(dimensions_);
  const double log_bins = static_cast<double>(bits_) * std::numbers::ln2;
  // bits/dim = -(log p(x) - D log n) / (D log 2)
  return (log_prob - d * log_bins) / (-d * std::numbers::ln2);
}

}  // namespace glow::nn
