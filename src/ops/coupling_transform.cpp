#include <glow/ops/coupling_transform.h>

#include <ATen/ATen.h>

#include "ops/coupling_in_place.h"
#include "ops/coupling_scale.h"

namespace glow::ops {

CouplingResult couple(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h) {
  check_halves(kind, x, h);
  const auto halves = x.chunk(2, 1);
  if (kind == CouplingKind::kAdditive) return {at::cat({halves[0], halves[1] + h}, 1), {}};
  const auto parts = h.chunk(2, 1);
  const auto log_scale = at::log_sigmoid(parts[1] + kScaleOffset);
  const auto y2 = (halves[1] + parts[0]) * log_scale.exp();
  return {at::cat({halves[0], y2}, 1), log_scale.sum({1, 2, 3})};
}

torch::Tensor uncouple(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h) {
  check_halves(kind, y, h);
  const auto halves = y.chunk(2, 1);
  if (kind == CouplingKind::kAdditive) return at::cat({halves[0], halves[1] - h}, 1);
  const auto parts = h.chunk(2, 1);
  // 1 / sigmoid(r + 2) = 1 + exp(-r - 2)
  const auto x2 = halves[1] * ((-parts[1] - kScaleOffset).exp() + 1) - parts[0];
  return at::cat({halves[0], x2}, 1);
}

CouplingResult couple_exponential(const torch::Tensor& x, const torch::Tensor& h) {
  check_halves(CouplingKind::kAffine, x, h);
  const auto halves = x.chunk(2, 1), parts = h.chunk(2, 1);
  return {at::cat({halves[0], halves[1] * parts[1].exp() + parts[0]}, 1), parts[1].sum({1, 2, 3})};
}

torch::Tensor uncouple_exponential(const torch::Tensor& y, const torch::Tensor& h) {
  check_halves(CouplingKind::kAffine, y, h);
  const auto halves = y.chunk(2, 1), parts = h.chunk(2, 1);
  return at::cat({halves[0], (halves[1] - parts[0]) * (-parts[1]).exp()}, 1);
}

}  // namespace glow::ops
