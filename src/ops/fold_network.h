#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ops/network_shape.h"

namespace glow::ops {

// Folding of coupling networks whose parameters are the rows of a matrix: actnorms, output scales and edge planes
// become part of three products at every pixel.

/// The order of a folded weight W [O, I] in memory.
enum class FoldedLayout {
  /// Row by row, for LibTorch's products.
  kRows,
  /// For x * W^T in blocks of pixels (network_blocks.h): W^T [I, O] in panels (panels.h).
  kForwardBlocks,
  /// For dY * W in blocks of pixels: W [O, I] in panels.
  kBackwardBlocks,
};

/// hidden1 = relu(W1 patches(x1) + b1),   hidden2 = relu(W2 hidden1 + b2),   h = sum_patches(W3 hidden2) + b3
struct FoldedNet {
  /// W1 [width, gathered], W2 [width, width], W3 [summed, width]; padded with zeros (NetworkShape). The dtype of the
  /// hidden tensors.
  torch::Tensor weight1, weight2, weight3;
  /// b1, b2 [width], in the dtype of the hidden tensors.
  torch::Tensor bias1, bias2;
  /// b1, b2 [width], b3 [outputs], in the parameters' dtype. b3 is NaN if a number of W1, W2, b1 or b2 is not
  /// finite: fused ReLUs map NaN to 0, and the density of a model with broken weights could be finite.
  torch::Tensor exact_bias1, exact_bias2, bias3;
  /// [9, outputs], in the parameters' dtype: the term that is added for a tap outside the image (patches.h): the edge
  /// plane's weight, or 0 without an edge plane.
  torch::Tensor outside;
};

/// Folded networks of one shape, in two allocations.
struct FoldedNets {
  NetworkShape shape;
  FoldedLayout layout = FoldedLayout::kRows;
  /// [n, ...]: weight1, weight2, weight3, bias1, bias2 of every network.
  torch::Tensor hidden;
  /// [n, ...]: exact_bias1, exact_bias2, bias3, outside.
  torch::Tensor exact;

  bool defined() const { return hidden.defined(); }
  /// Views.
  FoldedNet at(std::int64_t network) const;
};

/// Folds n networks; `parameters` [n, shape.numbers()], whose rows may be apart. `hidden`: dtype of the hidden tensors.
/// No graph. Layouts other than kRows: for float32 parameters on the CPU, in bfloat16 for even widths.
FoldedNets fold_networks(const torch::Tensor& parameters, const NetworkShape& shape, FoldedLayout layout,
                         torch::Dtype hidden);

/// The gradient with respect to the tensors of a FoldedNet in kRows. Weights: of any dtype; all others: in the
/// parameters' dtype. Columns and rows of padding are ignored.
struct FoldedNetGradient {
  torch::Tensor weight1, weight2, weight3, bias1, bias2, bias3, outside;
};

/// From dL/dfolded, sets `gradient` [numbers] to dL/dparameters, or adds it, if `accumulate`. `parameters`: [numbers].
/// No graph.
void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor gradient, bool accumulate);

namespace cpu {
void fold_networks(const torch::Tensor& parameters, FoldedNets& folded);
void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor& gradient, bool accumulate);
}  // namespace cpu

namespace cuda {
void fold_networks(const torch::Tensor& parameters, FoldedNets& folded);
void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor& gradient, bool accumulate);
}  // namespace cuda

}  // namespace glow::ops
