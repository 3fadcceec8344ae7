#pragma once

#include <torch/types.h>

namespace glow::ops {

// A 3x3 convolution with zero padding, divided into a gather and a product at every pixel (pixel_product.h), and the
// edge plane of Glow's published code (`add_edge_padding`): an additional last input plane that is 0 inside the image
// and 1 outside, so that a convolution can detect the edge. Neighbours are numbered tap = 3 dy + dx with dy, dx in
// 0..2; tap 3 dy + dx of the pixel (y, x) is the pixel (y + dy - 1, x + dx - 1).

/// [1, 1, H+2, W+2]: the edge plane, 1 on the outermost ring, 0 inside.
torch::Tensor edge_plane(std::int64_t height, std::int64_t width, const torch::TensorOptions& options);

/// The contribution of the edge plane to a 3x3 convolution, which depends on the weights and the size alone:
/// weight [O, 1, 3, 3] -> [1, O, H, W], nonzero only on the outermost pixels. Differentiable.
torch::Tensor edge_bias(const torch::Tensor& weight, std::int64_t height, std::int64_t width);

/// x padded with a ring of zeros and, with `with_edge_plane`, the edge plane as an additional last channel:
/// [N, C, H, W] -> [N, C (+ 1), H+2, W+2], channels_last. Differentiable.
torch::Tensor pad_with_edge(const torch::Tensor& x, bool with_edge_plane);

/// The 3x3 neighbourhood of every pixel: x [N, C, H, W] -> [N, 9P, H, W], channels_last, with P = C, or C + 1 with the
/// edge plane.
///   patches[n, tap*P + p, y, x] = x[n, p, y + dy - 1, x + dx - 1], and outside the image 0, or 1 in the edge plane.
/// This is the order of convolution weights in channels_last memory. In x's dtype, or rounded to bfloat16. `channels`:
/// of the result, filled up with zeros; at least 9P and less than 9 (P + 1); 0: 9P. Differentiable. Throws ShapeError.
torch::Tensor extract_patches(const torch::Tensor& x, bool with_edge_plane,
                              c10::optional<torch::Dtype> dtype = c10::nullopt, std::int64_t channels = 0);

/// The adjoint of extract_patches, plus a bias: patches [N, 9C, H, W] or filled up to more channels, bias [C], outside
/// [9, C] -> [N, C, H, W] with
///   sum[n, c, y, x] = bias[c] + sum over taps of patches[n, tap*C + c, y - dy + 1, x - dx + 1],
/// and outside[tap, c] in place of a term outside the image (the contribution of an edge plane). In the dtype of bias
/// and outside; the patches may be bfloat16. Differentiable. Throws ShapeError.
torch::Tensor sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside);

/// [9, H*W]: 1 where sum_patches adds outside[tap] to a pixel, else 0.
torch::Tensor outside_mask(std::int64_t height, std::int64_t width, const torch::TensorOptions& options);

/// sum [N, C, H, W] += the adjoint of extract_patches for patches [N, 9P, H, W], or filled up, with P >= C; planes from
/// C on are ignored. `sum` is channels_last or a range of channels of such a tensor, the patches may be bfloat16. No
/// gradients. Throws ShapeError.
void add_patches_(torch::Tensor sum, const torch::Tensor& patches);

// The loops and kernels of these functions, for floating-point tensors whose channels are adjacent in memory. They
// write to the last argument of extract_patches and sum_patches, which is channels_last.

namespace cpu {
void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches);
void add_patches(torch::Tensor& sum, const torch::Tensor& patches);
void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum);
}  // namespace cpu

namespace cuda {
void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches);
void add_patches(torch::Tensor& sum, const torch::Tensor& patches);
void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum);
}  // namespace cuda

}  // namespace glow::ops
