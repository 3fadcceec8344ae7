#pragma once

#include <glow/ops/coupling_kind.h>

#include "nn/coupling.h"
#include "nn/layer.h"
#include "ops/channel_map.h"

namespace glow::nn {

/// Glow's flow step as a layer: an affine map of the channels (actnorm and permutation), then a coupling. Its passes
/// are written by hand, because autograd would keep more tensors and run more operations.
class FlowStepLayer final : public FlowLayer {
 public:
  FlowStepLayer(ops::ChannelMap map, ops::CouplingKind kind, ScaledCouplingNet net);

  std::vector<torch::Tensor> weights() const override;
  std::shared_ptr<const FlowLayer> with(at::TensorList weights, HiddenPrecision precision) const override;
  std::shared_ptr<const FlowLayer> prepared(HiddenPrecision precision) const override;
  torch::Tensor log_abs_det() const override { return map_.log_abs_det; }

  Forward forward(const torch::Tensor& x) const override;
  torch::Tensor inverse(const torch::Tensor& y, const Kept& kept) const override;

  bool has_backward() const override { return true; }
  std::vector<torch::Tensor> recompute(const torch::Tensor& y) const override;
  Gradients backward(const Pass& pass, torch::Tensor gradient, const torch::Tensor& log_det_gradient) const override;

  FlowLayers with_inverses(const FlowLayers& layers) const override;
  FlowLayers for_backward(const FlowLayers& layers, const torch::Tensor& y, bool inverses) const override;

 private:
  ops::ChannelMap map_;
  /// Set by with_inverses; undefined before.
  ops::ChannelMap inverse_map_;
  ops::CouplingKind kind_;
  ScaledCouplingNet scaled_net_;
  /// Set by `prepared`.
  FoldedCouplingNet net_;
  /// ops::outside_mask, set by for_backward.
  torch::Tensor outside_mask_;
};

}  // namespace glow::nn
