#pragma once

#include <torch/types.h>

namespace glow::compat {

/// Whether linear_pointwise supports such tensors: LibTorch 2.x with oneDNN enabled, float32 or bfloat16 on the CPU.
bool has_linear_pointwise(const torch::Tensor& rows);

enum class Activation { kNone, kRelu };

/// oneDNN's product rows [P, I] * weight [O, I]^T + bias [O]; the bias may be undefined. Its ReLU replaces NaN by 0. No
/// graph.
torch::Tensor linear_pointwise(const torch::Tensor& rows, const torch::Tensor& weight, const torch::Tensor& bias,
                               Activation activation);

}  // namespace glow::compat
