#pragma once

#include <cstdint>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <glow/ops/random.h>

namespace glow::nn {

/// Random numbers for initial weights: a pure function of the seed and the number of tensors drawn before.
class WeightSource {
 public:
  explicit WeightSource(std::uint64_t seed) : seed_(seed) {}

  /// Standard normal, float64 on the CPU.
  torch::Tensor normal(torch::IntArrayRef shape) {
    const ops::RandomKey key{seed_, ops::Stream::kInitialWeights, 0};
    return ops::normal(key, {drawn_++}, c10::multiply_integers(shape), torch::kDouble).view(shape);
  }
  /// A random rotation, float64 [size, size]: the orthogonal factor of a Gaussian matrix.
  torch::Tensor rotation(std::int64_t size) { return std::get<0>(at::linalg_qr(normal({size, size}))); }
  /// A random order of 0..size-1, int64 [size].
  torch::Tensor permutation(std::int64_t size) { return normal({size}).argsort(); }

 private:
  std::uint64_t seed_;
  std::int64_t drawn_ = 0;
};

}  // namespace glow::nn
