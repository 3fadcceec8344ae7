#include "ops/coupling_in_place.h"

#include <ATen/ATen.h>

#include "ops/check.h"
#include "ops/coupling_in_place_cpu.h"
#include "ops/coupling_in_place_cuda.h"
#include "ops/coupling_scale.h"
#include "ops/pixels.h"

namespace glow::ops {
namespace {

/// Whether the loops and kernels can work on them.
bool fit(const torch::Tensor& x, const torch::Tensor& h) {
  return (x.is_cpu() || x.is_cuda()) && has_neighbouring_channels(x) && has_neighbouring_channels(h);
}

torch::Tensor second_half(const torch::Tensor& x) { return x.chunk(2, 1)[1]; }

}  // namespace

void check_halves(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h) {
  check_shape(x.dim() == 4 && x.size(1) % 2 == 0, "coupling: expected [N, C, H, W] with even C", x);
  const auto channels = kind == CouplingKind::kAffine ? x.size(1) : x.size(1) / 2;
  check_shape(h.dim() == 4 && h.size(0) == x.size(0) && h.size(1) == channels && h.size(2) == x.size(2) &&
                  h.size(3) == x.size(3),
              "coupling: the network's output does not fit its input", h);
}

torch::Tensor couple_(CouplingKind kind, torch::Tensor x, const torch::Tensor& h) {
  check_halves(kind, x, h);
  const torch::NoGradGuard no_grad;
  if (kind == CouplingKind::kAdditive) {
    second_half(x).add_(h);
    return {};
  }
  if (fit(x, h)) return (x.is_cuda() ? cuda::couple(x, h) : cpu::couple(x, h)).sum(1);
  const auto parts = h.chunk(2, 1);
  const auto log_scale = at::log_sigmoid(parts[1] + kScaleOffset);
  second_half(x).add_(parts[0]).mul_(log_scale.exp());
  return log_scale.sum({1, 2, 3});
}

void uncouple_(CouplingKind kind, torch::Tensor y, const torch::Tensor& h) {
  check_halves(kind, y, h);
  const torch::NoGradGuard no_grad;
  if (kind == CouplingKind::kAdditive) {
    second_half(y).sub_(h);
  } else if (fit(y, h)) {
    y.is_cuda() ? cuda::uncouple(y, h) : cpu::uncouple(y, h);
  } else {
    const auto parts = h.chunk(2, 1);
    second_half(y).mul_((-parts[1] - kScaleOffset).exp() + 1).sub_(parts[0]);
  }
}

torch::Tensor couple_backward_(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h,
                               torch::Tensor gradient, const torch::Tensor& log_det_gradient) {
  check_halves(kind, y, h);
  check_shape(gradient.sizes() == y.sizes(), "coupling: expected a gradient in the shape of y", gradient);
  check_shape(log_det_gradient.dim() == 1 && log_det_gradient.size(0) == y.size(0),
              "coupling: expected a gradient [N] of the log-determinant", log_det_gradient);
  const torch::NoGradGuard no_grad;
  auto g = second_half(gradient);
  if (kind == CouplingKind::kAdditive) return g.contiguous(at::MemoryFormat::ChannelsLast);
  auto h_gradient = at::empty_like(h, at::MemoryFormat::ChannelsLast);
  if (fit(y, h) && has_neighbouring_channels(gradient)) {
    const auto backward = y.is_cuda() ? cuda::couple_backward : cpu::couple_backward;
    backward(y, h, gradient, log_det_gradient.contiguous(), h_gradient);
    return h_gradient;
  }
  const auto scale = at::sigmoid(second_half(h) + kScaleOffset);
  const auto of_log_det = log_det_gradient.view({-1, 1, 1, 1});
  second_half(h_gradient).copy_((1 - scale) * (g * second_half(y) + of_log_det));
  g.mul_(scale);
  h_gradient.chunk(2, 1)[0].copy_(g);
  return h_gradient;
}

}  // namespace glow::ops
