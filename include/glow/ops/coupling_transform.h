#pragma once

#include <torch/types.h>

namespace glow::ops {

/// What a coupling layer does with the second half of the channels (Glow, section 3.3).
enum class CouplingKind {
  /// y2 = x2 + h
  kAdditive,
  /// [shift | r] = h, y2 = (x2 + shift) * sigmoid(r + 2)
  kAffine,
};

struct CouplingResult {
  /// [N, C, H, W]: the first half of the channels as it came, the second transformed.
  torch::Tensor y;
  /// [N], nats; undefined when the transform preserves volume.
  torch::Tensor log_det;
};

/// Transforms the second half of x's channels: x [N, C, H, W] with even C; h [N, C/2, H, W] (additive) or [N, C, H, W]
/// (affine). Differentiable. Throws ShapeError.
CouplingResult couple(CouplingKind kind, const torch::Tensor& x, const torch::Tensor& h);

/// The inverse of couple: x from y [N, C, H, W] and the same h. Differentiable. Throws ShapeError.
torch::Tensor uncouple(CouplingKind kind, const torch::Tensor& y, const torch::Tensor& h);

/// RealNVP's affine coupling (section 3.2): [shift | log_scale] = h [N, C, H, W], y2 = x2 * exp(log_scale) + shift.
/// Differentiable. Throws ShapeError.
CouplingResult couple_exponential(const torch::Tensor& x, const torch::Tensor& h);

/// The inverse of couple_exponential. Differentiable. Throws ShapeError.
torch::Tensor uncouple_exponential(const torch::Tensor& y, const torch::Tensor& h);

}  // namespace glow::ops
