#pragma once

#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/flow_step.h>
#include <glow/nn/gaussian_prior.h>
#include <glow/nn/split.h>

namespace glow::nn {

/// A level's weights ready to be applied.
struct FoldedLevel {
  std::vector<FoldedStep> steps;
  /// Undefined tensors at the top, which does not split.
  FoldedConvolution split_prior;
};

/// One scale of the model: K flow steps, and a split below the top (Glow, figure 2b). The squeeze before it has no
/// weights.
class LevelImpl : public torch::nn::Cloneable<LevelImpl> {
 public:
  LevelImpl(const GlowOptions& options, std::int64_t index);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  /// Differentiable; without the steps' inverses and networks.
  FoldedLevel fold() const;

  FlowStepImpl& step(std::int64_t index) const { return *steps->ptr<FlowStepImpl>(static_cast<std::size_t>(index)); }

  torch::nn::ModuleList steps{nullptr};
  /// Null at the top.
  Split split{nullptr};

 private:
  GlowOptions options_;
  std::int64_t index_;
};
TORCH_MODULE(Level);

}  // namespace glow::nn
