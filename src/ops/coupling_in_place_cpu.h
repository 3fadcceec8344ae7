#pragma once

#include <torch/types.h>

namespace glow::ops::cpu {

// The affine coupling of coupling_in_place.h, on CPU tensors whose channels are neighbours in memory.

/// [N, parts]: the log-determinant in parts that are to be summed.
torch::Tensor couple(torch::Tensor& x, const torch::Tensor& h);
void uncouple(torch::Tensor& y, const torch::Tensor& h);
/// `h_gradient` is filled in.
void couple_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient);

}  // namespace glow::ops::cpu
