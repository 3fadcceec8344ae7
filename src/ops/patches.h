#pragma once

#include <torch/types.h>

namespace glow::ops {

/// The 3x3 neighbourhood of every pixel, so that a 3x3 convolution is a product at every pixel: x [N, C, H, W] ->
/// [N, 9P, H, W], channels_last. P = C, or C + 1 with the edge plane (edge_padding.h), which comes last. Channel
/// (dy*3 + dx)*P + p is plane p of the pixel (dy - 1, dx - 1) away, the order of convolution weights in channels_last
/// memory; beyond the image x is 0 and the edge plane 1. In x's dtype, or in
/// bfloat16. Differentiable.
torch::Tensor extract_patches(const torch::Tensor& x, bool with_edge_plane,
                              c10::optional<torch::Dtype> dtype = c10::nullopt);

/// What a 3x3 convolution is after its product: every pixel of the result [N, C, H, W] is bias [C] plus the parts that
/// the neighbourhoods of patches [N, 9C, H, W] have for it (the adjoint of extract_patches). For a neighbour beyond the
/// image it is the row outside[tap] of [9, C], which is what an edge plane comes to. In the dtype of bias and outside;
/// the patches may be bfloat16. Differentiable.
torch::Tensor sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside);

/// [9, H*W]: 1 where sum_patches takes outside[tap] for the part that neighbour `tap` would have, else 0.
torch::Tensor outside_mask(std::int64_t height, std::int64_t width, const torch::TensorOptions& options);

/// sum [N, C, H, W], channels_last or some channels of it, += the same for patches [N, 9P, H, W] with P >= C, of which
/// the planes from C on are left out. The patches may be bfloat16. No gradients.
void add_patches_(torch::Tensor sum, const torch::Tensor& patches);

}  // namespace glow::ops
