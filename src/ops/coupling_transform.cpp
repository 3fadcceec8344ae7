#include <glow/ops/coupling_transform.h>

#include <ATen/ATen.h>

#include "ops/check.h"
#include "ops/coupling_scale.h"

namespace glow::ops {
namespace {

void check_halves(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h) {
  check_shape(x.dim() == 4 && x.size(1) % 2 == 0, "coupling: expected [N, C, H, W] with even C", x);
  const auto channels = kind == CouplingKind::kAffine ? x.size(1) : x.size(1) / 2;
  check_shape(h.dim() == 4 && h.size(0) == x.size(0) && h.size(1) == channels && h.size(2) == x.size(2) &&
                  h.size(3) == x.size(3),
              "coupling: the network's output does not fit its input", h);
}

}  // namespace

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

}  // namespace glow::ops
