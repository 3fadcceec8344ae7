#pragma once

#include <torch/types.h>

namespace glow::ops::cpu {

/// As pixel_product.h says, on CPU tensors that are channels_last.
torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y);

}  // namespace glow::ops::cpu
