#include "ops/coupling.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <glow/error.h>

#include "ops/check.h"
#include "ops/coupling_elements.h"
#include "ops/pixels.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

/// One kind of coupling. A new kind needs a row in `transform_of`, an enumerator and its number of outputs
/// (coupling_outputs).
struct CouplingTransform {
  /// y2 and log_det from x2 [N, C/2, H, W] and h. Differentiable.
  CouplingResult (*couple)(const torch::Tensor& x2, const torch::Tensor& h);
  /// x2 from y2 and h. Differentiable.
  torch::Tensor (*uncouple)(const torch::Tensor& y2, const torch::Tensor& h);

  // In-place functions on whole flow variables, named like the public ones. A function returns false and changes
  // nothing if it does not support the tensors' layout. Then, and if it is null, the two functions above are used
  // instead.

  bool (*couple_)(torch::Tensor& x, const torch::Tensor& h, torch::Tensor& log_det) = nullptr;
  bool (*uncouple_)(torch::Tensor& y, const torch::Tensor& h) = nullptr;
  bool (*couple_backward_)(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                           const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient) = nullptr;
};

torch::Tensor second_half(const torch::Tensor& x) { return x.chunk(2, 1)[1]; }

// Additive: y2 = x2 + h.

CouplingResult add(const torch::Tensor& x2, const torch::Tensor& h) { return {x2 + h, {}}; }
torch::Tensor subtract(const torch::Tensor& y2, const torch::Tensor& h) { return y2 - h; }
bool add_in_place(torch::Tensor& x, const torch::Tensor& h, torch::Tensor&) {
  second_half(x).add_(h);
  return true;
}
bool subtract_in_place(torch::Tensor& y, const torch::Tensor& h) {
  second_half(y).sub_(h);
  return true;
}
bool additive_backward(const torch::Tensor&, const torch::Tensor&, torch::Tensor& gradient, const torch::Tensor&,
                       torch::Tensor& h_gradient) {
  h_gradient = second_half(gradient).contiguous(at::MemoryFormat::ChannelsLast);
  return true;
}

// Affine: y2 = (x2 + shift) * s, s = sigmoid(r + 2).

CouplingResult scale_by_sigmoid(const torch::Tensor& x2, const torch::Tensor& h) {
  const auto parts = h.chunk(2, 1);
  const auto log_scale = at::log_sigmoid(parts[1] + kScaleOffset);
  return {(x2 + parts[0]) * log_scale.exp(), log_scale.sum({1, 2, 3})};
}
torch::Tensor divide_by_sigmoid(const torch::Tensor& y2, const torch::Tensor& h) {
  const auto parts = h.chunk(2, 1);
  // 1 / sigmoid(r + 2) = 1 + exp(-r - 2)
  return y2 * ((-parts[1] - kScaleOffset).exp() + 1) - parts[0];
}

/// Whether the loops and kernels support the layout of these tensors.
bool supports_layout(const torch::Tensor& x, const torch::Tensor& h) {
  return (x.is_cpu() || x.is_cuda()) && has_neighbouring_channels(x) && has_neighbouring_channels(h);
}
bool affine_in_place(torch::Tensor& x, const torch::Tensor& h, torch::Tensor& log_det) {
  if (!supports_layout(x, h)) return false;
  const auto parts = x.is_cuda() ? cuda::couple(x, h) : cpu::couple(x, h);
  log_det = parts.size(1) == 1 ? view_at(parts, 0, {x.size(0)}) : parts.sum(1);
  return true;
}
bool affine_inverse_in_place(torch::Tensor& y, const torch::Tensor& h) {
  if (!supports_layout(y, h)) return false;
  y.is_cuda() ? cuda::uncouple(y, h) : cpu::uncouple(y, h);
  return true;
}
bool affine_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient) {
  if (!supports_layout(y, h) || !has_neighbouring_channels(gradient)) return false;
  h_gradient = at::empty_like(h, at::MemoryFormat::ChannelsLast);
  const auto backward = y.is_cuda() ? cuda::couple_backward : cpu::couple_backward;
  backward(y, h, gradient, log_det_gradient.contiguous(), h_gradient);
  return true;
}

// RealNVP's affine coupling: y2 = x2 * exp(log_scale) + shift.

CouplingResult scale_by_exp(const torch::Tensor& x2, const torch::Tensor& h) {
  const auto parts = h.chunk(2, 1);
  return {x2 * parts[1].exp() + parts[0], parts[1].sum({1, 2, 3})};
}
torch::Tensor divide_by_exp(const torch::Tensor& y2, const torch::Tensor& h) {
  const auto parts = h.chunk(2, 1);
  return (y2 - parts[0]) * (-parts[1]).exp();
}

const CouplingTransform& transform_of(CouplingKind kind) {
  static constexpr CouplingTransform kAdditive{add, subtract, add_in_place, subtract_in_place, additive_backward};
  static constexpr CouplingTransform kAffine{scale_by_sigmoid, divide_by_sigmoid, affine_in_place,
                                             affine_inverse_in_place, affine_backward};
  static constexpr CouplingTransform kAffineExp{scale_by_exp, divide_by_exp};
  switch (kind) {
    case CouplingKind::kAdditive:
      return kAdditive;
    case CouplingKind::kAffine:
      return kAffine;
    case CouplingKind::kAffineExp:
      return kAffineExp;
  }
  throw ConfigError("coupling: an unknown kind");
}

void check_shapes(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h) {
  check_shape(x.dim() == 4 && x.size(1) % 2 == 0, "coupling: expected [N, C, H, W] with even C", x);
  check_shape(h.dim() == 4 && h.size(0) == x.size(0) && h.size(1) == coupling_outputs(kind, x.size(1)) &&
                  h.size(2) == x.size(2) && h.size(3) == x.size(3),
              "coupling: the network's output does not fit its input", h);
}

torch::Tensor leaf(const torch::Tensor& tensor) { return tensor.detach().requires_grad_(); }

/// couple_backward_ by autograd.
torch::Tensor backward_by_autograd(const CouplingTransform& transform, const torch::Tensor& y, const torch::Tensor& h,
                                   const torch::Tensor& gradient, const torch::Tensor& log_det_gradient) {
  const auto x2 = leaf(transform.uncouple(second_half(y), h)), h_leaf = leaf(h);
  const torch::AutoGradMode with_graph(true);
  const auto [y2, log_det] = transform.couple(x2, h_leaf);
  const auto of_y2 = second_half(gradient);
  std::vector<torch::Tensor> outputs{y2}, of_outputs{of_y2};
  if (log_det.defined()) {
    outputs.push_back(log_det);
    of_outputs.push_back(log_det_gradient);
  }
  const auto of_inputs = torch::autograd::grad(outputs, {x2, h_leaf}, of_outputs);
  const torch::NoGradGuard no_grad;
  of_y2.copy_(of_inputs[0]);
  return of_inputs[1].contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

CouplingResult couple(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h) {
  check_shapes(kind, x, h);
  const auto halves = x.chunk(2, 1);
  const auto [y2, log_det] = transform_of(kind).couple(halves[1], h);
  return {at::cat({halves[0], y2}, 1), log_det};
}

torch::Tensor uncouple(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h) {
  check_shapes(kind, y, h);
  const auto halves = y.chunk(2, 1);
  return at::cat({halves[0], transform_of(kind).uncouple(halves[1], h)}, 1);
}

torch::Tensor couple_(CouplingKind kind, torch::Tensor x, const torch::Tensor& h) {
  check_shapes(kind, x, h);
  const torch::NoGradGuard no_grad;
  const auto& transform = transform_of(kind);
  torch::Tensor log_det;
  if (transform.couple_ && transform.couple_(x, h, log_det)) return log_det;
  const auto result = transform.couple(second_half(x), h);
  second_half(x).copy_(result.y);
  return result.log_det;
}

void uncouple_(CouplingKind kind, torch::Tensor y, const torch::Tensor& h) {
  check_shapes(kind, y, h);
  const torch::NoGradGuard no_grad;
  const auto& transform = transform_of(kind);
  if (transform.uncouple_ && transform.uncouple_(y, h)) return;
  second_half(y).copy_(transform.uncouple(second_half(y), h));
}

torch::Tensor couple_backward_(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h,
                               torch::Tensor gradient, const torch::Tensor& log_det_gradient) {
  check_shapes(kind, y, h);
  check_shape(gradient.sizes() == y.sizes(), "coupling: expected a gradient in the shape of y", gradient);
  check_shape(log_det_gradient.dim() == 1 && log_det_gradient.size(0) == y.size(0),
              "coupling: expected a gradient [N] of the log-determinant", log_det_gradient);
  const torch::NoGradGuard no_grad;
  const auto& transform = transform_of(kind);
  torch::Tensor h_gradient;
  if (transform.couple_backward_ && transform.couple_backward_(y, h, gradient, log_det_gradient, h_gradient)) {
    return h_gradient;
  }
  return backward_by_autograd(transform, y, h, gradient, log_det_gradient);
}

}  // namespace glow::ops
