#pragma once

#include <torch/types.h>

#include <glow/ops/coupling_kind.h>

namespace glow::ops {

// The transforms of couplings. x, y: [N, C, H, W] with even C; the first half of the channels is not changed. h: the
// network's output [N, coupling_outputs(kind, C), H, W]. All functions throw ShapeError.

struct CouplingResult {
  /// [N, C, H, W]
  torch::Tensor y;
  /// log|det dy/dx| [N], nats; undefined when the transform preserves volume.
  torch::Tensor log_det;
};

/// y from x. Differentiable.
CouplingResult couple(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h);

/// x from y and the same h. Differentiable.
torch::Tensor uncouple(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h);

// The same in place, and the gradients. These record no graph. Affine couplings of channels_last tensors on the CPU and
// on CUDA run as one loop or kernel.

/// x becomes y. Returns log_det [N], undefined when the transform preserves volume.
torch::Tensor couple_(CouplingKind kind, torch::Tensor x, const torch::Tensor& h);

/// y becomes x.
void uncouple_(CouplingKind kind, torch::Tensor y, const torch::Tensor& h);

/// `gradient`, dL/dy, becomes dL/dx for a constant h; returns dL/dh. `log_det_gradient` [N]: dL/dlog_det.
torch::Tensor couple_backward_(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h,
                               torch::Tensor gradient, const torch::Tensor& log_det_gradient);

// The loops and kernels of the affine coupling. They need tensors whose channels are adjacent in memory.

namespace cpu {
/// x becomes y. Returns partial sums of log_det, [N, parts].
torch::Tensor couple(torch::Tensor& x, const torch::Tensor& h);
void uncouple(torch::Tensor& y, const torch::Tensor& h);
/// `gradient`, dL/dy, becomes dL/dx; h_gradient is filled with dL/dh.
void couple_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient);
}  // namespace cpu

namespace cuda {
torch::Tensor couple(torch::Tensor& x, const torch::Tensor& h);
void uncouple(torch::Tensor& y, const torch::Tensor& h);
void couple_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient);
}  // namespace cuda

}  // namespace glow::ops
