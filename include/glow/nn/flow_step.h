#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/actnorm.h>
#include <glow/nn/coupling.h>
#include <glow/nn/options.h>
#include <glow/nn/permutation.h>
#include <glow/ops/channel_map.h>

namespace glow::nn {

/// A flow step's weights ready to be applied.
struct FoldedStep {
  /// Actnorm and permutation as one map.
  ops::ChannelMap map;
  /// Its inverse; undefined tensors until it is needed.
  ops::ChannelMap inverse;
  CouplingKind kind;
  ScaledCouplingNet scaled_net;
  /// fold(scaled_net); undefined tensors until it is needed, for it is as large as all the rest.
  FoldedCouplingNet net;
};

/// One step of flow: actnorm -> permutation -> coupling (Glow, figure 2a); in NICE without the actnorm.
class FlowStepImpl : public torch::nn::Cloneable<FlowStepImpl> {
 public:
  /// `shape` is that of the flow variable, `options` those of the model.
  FlowStepImpl(const LevelShape& shape, const GlowOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  /// Differentiable; with the network, without the inverse.
  FoldedStep fold() const;

  /// Null in NICE.
  ActNorm actnorm{nullptr};
  Permutation permutation{nullptr};
  Coupling coupling{nullptr};

 private:
  LevelShape shape_;
  GlowOptions options_;
};
TORCH_MODULE(FlowStep);

/// x [N, C, H, W] -> y [N, C, H, W] and log|det dy/dx| [N], nats. Differentiable.
ops::CouplingResult apply(const FoldedStep& step, const torch::Tensor& x);

/// x from y; step.inverse must be there. Differentiable in y.
torch::Tensor apply_inverse(const FoldedStep& step, const torch::Tensor& y);

}  // namespace glow::nn
