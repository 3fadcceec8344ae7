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
  FlowLayers layers(std::span<const Step* const> steps, const BatchMode& mode) const override;
  void visit(PartVisitor& visitor, const std::string& name, bool by_batch) override;
  BatchNormImpl* running_norm() override { return batch_norm.get(); }

  /// The layer of this step.
  std::shared_ptr<const FlowLayer> layer(const BatchMode& mode) const;

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

/// A coupling step as a layer. Its backward pass uses autograd.
class CouplingStepLayer final : public FlowLayer {
 public:
  /// The parts of a step other than its network.
  struct Parts {
    /// The channel permutation and its inverse, int64 [C]: y_i = x_{order[i]}.
    torch::Tensor order, order_back;
    /// The running moments of the batch norm before the coupling; undefined without a batch norm, or if it uses the
    /// moments of the batch.
    ChannelMoments moments = {};
    BatchMode mode = {};
    ops::CouplingKind kind = ops::CouplingKind::kAdditive;
  };
  CouplingStepLayer(Parts parts, FoldedNetwork network) : parts_(std::move(parts)), network_(std::move(network)) {}

  std::vector<torch::Tensor> weights() const override { return network_.weights; }
  std::shared_ptr<const FlowLayer> with(at::TensorList weights, HiddenPrecision precision) const override;
  std::shared_ptr<const FlowLayer> prepared(HiddenPrecision precision) const override;

  bool normalizes_by_batch() const override { return parts_.mode.by_batch; }
  Forward forward(const torch::Tensor& x) const override;
  /// Throws Error if the moments of the batch are needed and `kept` has none.
  torch::Tensor inverse(const torch::Tensor& y, const Kept& kept) const override;

 private:
  torch::Tensor network_output(const torch::Tensor& z) const;

  Parts parts_;
  FoldedNetwork network_;
  /// Whether the network's products on CUDA may round their factors to TF32.
  bool tf32_ = false;
};

}  // namespace glow::nn
