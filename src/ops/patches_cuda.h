#pragma once

#include <torch/types.h>

namespace glow::ops::cuda {

// As patches_cpu.h says, on CUDA tensors.

void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches);
void add_patches(torch::Tensor& sum, const torch::Tensor& patches);
void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum);

}  // namespace glow::ops::cuda
