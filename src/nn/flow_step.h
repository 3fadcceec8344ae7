#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>
#include <glow/ops/coupling_kind.h>

#include "nn/actnorm.h"
#include "nn/coupling_networks.h"
#include "nn/layer.h"
#include "nn/permutation.h"
#include "nn/step.h"
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

/// One step of flow: actnorm -> permutation -> coupling (Glow, figure 2a); in NICE without the actnorm.
class FlowStepImpl : public torch::nn::Cloneable<FlowStepImpl>, public Step {
 public:
  /// `shape`: of the flow variable; `options`: of the model.
  FlowStepImpl(const LevelShape& shape, const GlowOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source) override;
  FlowLayers layers(std::span<const Step* const> steps, const BatchMode& mode) const override;
  void visit(PartVisitor& visitor, const std::string& name, bool by_batch) override;

  /// Null in NICE.
  ActNorm actnorm{nullptr};
  Permutation permutation{nullptr};
  Coupling coupling{nullptr};

 private:
  LevelShape shape_;
  GlowOptions options_;
};
TORCH_MODULE(FlowStep);

}  // namespace glow::nn
