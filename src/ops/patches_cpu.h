#pragma once

#include <torch/types.h>

namespace glow::ops::cpu {

/// As patches.h says, on CPU tensors of one of the floating-point types whose channels are neighbours in memory;
/// `patches` is channels_last and filled in.
void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches);
void add_patches(torch::Tensor& sum, const torch::Tensor& patches);
/// `sum` is filled in.
void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum);

}  // namespace glow::ops::cpu
