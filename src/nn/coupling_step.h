#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>
#include <glow/ops/coupling_kind.h>

#include "nn/batch_norm.h"
#include "nn/coupling_networks.h"
#include "nn/permutation.h"
#include "nn/step.h"

namespace glow::nn {

/// A step of RealNVP, or of NICE with dense networks: batch norm -> channel permutation -> coupling. The permutation
/// moves the channels that the coupling leaves unchanged to the front. A checkerboard mask (RealNVP, section 3.4)
/// selects a set of channels after a squeeze, so that no multiplication by a mask is needed.
class CouplingStepImpl : public torch::nn::Cloneable<CouplingStepImpl>, public Step {
 public:
  /// Step `step` of level `level`.
  CouplingStepImpl(const GlowOptions& options, std::int64_t level, std::int64_t step);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source) override;
  std::shared_ptr<const FlowLayers> layers(std::span<const Step* const> steps, const LayerMode& mode) const override;
  void visit(PartVisitor& visitor, const std::string& name, bool by_batch) override;
  BatchNormImpl* running_norm() override { return batch_norm.get(); }

  /// Null in NICE.
  BatchNorm batch_norm{nullptr};
  Permutation permutation{nullptr};
  /// Exactly one of these is not null.
  ResidualNetwork residual{nullptr};
  DenseNetwork dense{nullptr};

 private:
  GlowOptions options_;
  std::int64_t level_, step_;
};
TORCH_MODULE(CouplingStep);

/// The channel permutation of step `step` of level `level` of a RealNVP: y_i = x_{order[i]}, int64 [C]. Steps 0 to 2
/// are checkerboard couplings, which leave the even, the odd and again the even squares unchanged; steps 3 to 5 couple
/// the halves of the squeezed channels. The last level has four checkerboard steps.
torch::Tensor realnvp_order(const GlowOptions& options, std::int64_t level, std::int64_t step);

/// A coupling step as a layer.
struct CouplingStepLayer {
  /// The channel permutation and its inverse, int64 [C]: y_i = x_{order[i]}.
  torch::Tensor order, order_back;
  /// The running moments of the batch norm before the coupling; undefined without a batch norm, or if it uses the
  /// moments of the batch.
  ChannelMoments moments = {};
  /// Whether the batch norm uses the moments of the batch, summed over processes by this function.
  bool by_batch = false;
  SumOverProcesses sum_over_processes = nullptr;
  ops::CouplingKind kind = ops::CouplingKind::kAdditive;
  FoldedNetwork network;
  /// Whether the network's products on CUDA may round their factors to TF32.
  bool tf32 = false;
};

/// Coupling steps as layers. Their backward pass uses autograd.
class CouplingStepLayers final : public FlowLayers {
 public:
  explicit CouplingStepLayers(std::vector<CouplingStepLayer> layers) : layers_(std::move(layers)) {}

  std::size_t size() const override { return layers_.size(); }
  std::vector<torch::Tensor> weights() const override;
  std::shared_ptr<const FlowLayers> with(at::TensorList weights) const override;
  using FlowLayers::prepared;
  std::shared_ptr<const FlowLayers> prepared(HiddenPrecision precision, std::size_t first,
                                             std::size_t count) const override;
  std::shared_ptr<const FlowLayers> with_inverses() const override;

  bool normalizes_by_batch(std::size_t k) const override { return layers_[k].by_batch; }
  Forward forward(std::size_t k, const torch::Tensor& x, bool keep) const override;
  /// Throws Error if the moments of the batch are needed and `kept` has none.
  torch::Tensor inverse(std::size_t k, const torch::Tensor& y, const Kept& kept) const override;

  std::shared_ptr<const FlowLayers> for_backward(const torch::Tensor& y, bool inverses) const override;
  std::vector<torch::Tensor> new_gradients() const override { return std::vector<torch::Tensor>(weights().size()); }
  torch::Tensor backward(std::size_t k, const Pass& pass, torch::Tensor gradient, const torch::Tensor& log_det_gradient,
                         std::vector<torch::Tensor>& gradients) const override;

 private:
  std::vector<CouplingStepLayer> layers_;
};

}  // namespace glow::nn
