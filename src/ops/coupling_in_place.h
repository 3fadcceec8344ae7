#pragma once

#include <torch/types.h>

#include <glow/ops/coupling_transform.h>

namespace glow::ops {

/// Throws ShapeError unless h is what a coupling of x needs.
void check_halves(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h);

// What couple and uncouple do, on the second half of the channels and in place, and the gradients. x, y, h and their
// gradients as there, channels_last. None records a graph.

/// x becomes y. Returns log_det [N], undefined when the transform preserves volume.
torch::Tensor couple_(CouplingKind kind, torch::Tensor x, const torch::Tensor& h);

/// y becomes x.
void uncouple_(CouplingKind kind, torch::Tensor y, const torch::Tensor& h);

/// `gradient`, of y, becomes that of x, but for what reaches x through h; returns that of h.
/// `log_det_gradient` [N]: the loss by log_det.
torch::Tensor couple_backward_(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h,
                               torch::Tensor gradient, const torch::Tensor& log_det_gradient);

}  // namespace glow::ops
