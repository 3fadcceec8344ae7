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
#include "ops/fold_network.h"
#include "ops/network_blocks.h"

namespace glow::nn {

/// Glow's flow steps as layers: an affine map of the channels each (actnorm and permutation), then a coupling. Their
/// passes are written by hand, because autograd would keep more tensors and run more operations.
class FlowStepLayers final : public FlowLayers {
 public:
  /// `maps`: of all steps, each tensor with an axis [K] in front; `networks` [K, numbers]: the parameters of their
  /// coupling networks; `networks_gradient`: StackedParameters::second_gradient.
  FlowStepLayers(const ops::ChannelMap& maps, ops::CouplingKind kind, const ops::NetworkShape& shape,
                 torch::Tensor networks, torch::Tensor networks_gradient);

  std::size_t size() const override { return size_; }
  std::vector<torch::Tensor> weights() const override { return {maps_.weight, maps_.bias, networks_}; }
  std::shared_ptr<const FlowLayers> with(at::TensorList weights) const override;
  using FlowLayers::prepared;
  std::shared_ptr<const FlowLayers> prepared(HiddenPrecision precision, std::size_t first,
                                             std::size_t count) const override;
  std::shared_ptr<const FlowLayers> with_inverses() const override;
  torch::Tensor log_abs_det() const override { return maps_.log_abs_det.sum(); }

  Forward forward(std::size_t k, const torch::Tensor& x, bool keep) const override;
  torch::Tensor inverse(std::size_t k, const torch::Tensor& y, const Kept& kept) const override;

  bool has_backward() const override { return true; }
  std::vector<torch::Tensor> recompute(std::size_t k, const torch::Tensor& y) const override;
  std::shared_ptr<const FlowLayers> for_backward(const torch::Tensor& y, bool inverses) const override;
  std::vector<torch::Tensor> new_gradients() const override;
  torch::Tensor backward(std::size_t k, const Pass& pass, torch::Tensor gradient, const torch::Tensor& log_det_gradient,
                         std::vector<torch::Tensor>& gradients) const override;

 private:
  /// The coupling network of step k, which is prepared.
  ops::NetworkActivations run_network(std::size_t k, const torch::Tensor& z, bool keep) const;
  /// Whether the prepared networks are computed in blocks of pixels (ops/network_blocks.h).
  bool in_blocks() const { return folded_.layout == ops::FoldedLayout::kForwardBlocks; }
  /// The parameters of the network of step k, [1, numbers].
  torch::Tensor network_row(std::size_t k) const;

  std::size_t size_;
  ops::ChannelMap maps_;
  /// Set by with_inverses; undefined before.
  ops::ChannelMap inverse_maps_;
  ops::CouplingKind kind_;
  ops::NetworkShape shape_;
  torch::Tensor networks_, networks_gradient_;
  /// Set by `prepared`: the networks from first_folded_ on; with a graph, by LibTorch's operators.
  ops::FoldedNets folded_;
  std::vector<FoldedCouplingNet> differentiable_;
  std::size_t first_folded_ = 0;
  /// Whether products on CUDA may round their factors to TF32.
  bool tf32_ = false;
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
  std::shared_ptr<const FlowLayers> layers(std::span<const Step* const> steps, const LayerMode& mode) const override;
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
