#include "nn/weight_source.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <glow/ops/random.h>

namespace glow::nn {

torch::Tensor WeightSource::normal(torch::IntArrayRef shape) {
  const ops::RandomKey key{seed_, ops::Stream::kInitialWeights, 0};
  return ops::normal(key, {drawn_++}, c10::multiply_integers(shape), torch::kDouble).view(shape);
}

torch::Tensor WeightSource::rotation(std::int64_t size) { return std::get<0>(at::linalg_qr(normal({size, size}))); }

torch::Tensor WeightSource::permutation(std::int64_t size) { return normal({size}).argsort(); }

}  // namespace glow::nn
