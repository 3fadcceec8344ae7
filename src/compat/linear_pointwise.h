#pragma once

#include <torch/types.h>

namespace glow::compat {

/// Whether linear_pointwise can take such tensors: LibTorch 2.x, its oneDNN on, float32 or bfloat16 on the CPU.
bool has_linear_pointwise(const torch::Tensor& rows);

enum class Activation { kNone, kRelu };

/// oneDNN's product: rows [P, I] * weight [O, I]^T + bias [O], which may be undefined. Its ReLU makes 0 of a NaN. No
/// graph.
torch::Tensor linear_pointwise(const torch::Tensor& rows, const torch::Tensor& weight, const torch::Tensor& bias,
                               Activation activation);

}  // namespace glow::compat
