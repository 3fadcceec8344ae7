#pragma once

#include <torch/types.h>

namespace glow::ops::cuda {

/// As pixel_product.h says, on CUDA tensors that are channels_last.
torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y);

}  // namespace glow::ops::cuda
