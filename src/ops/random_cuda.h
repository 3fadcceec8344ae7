#pragma once

#include <torch/types.h>

namespace glow::ops::cuda {

/// Fills the CUDA tensor `numbers` [R, count], float32 or float64, with the rows of random numbers that `rows` stands
/// for: int64 [R, 3] on the CPU or the same device, the bits of a PhiloxRow each.
void fill_uniform(torch::Tensor& numbers, const torch::Tensor& rows);
void fill_normal(torch::Tensor& numbers, const torch::Tensor& rows);

}  // namespace glow::ops::cuda
