#pragma once

#include <variant>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/flow_step.h>
#include <glow/nn/gaussian_prior.h>
#include <glow/nn/layer_chain.h>
#include <glow/nn/split.h>

namespace glow::nn {

/// A level's weights ready to be applied.
struct FoldedLevel {
  /// Glow's and convolutional NICE's flow steps, which are computed by hand, or the coupling layers of the others.
  std::variant<std::vector<FoldedStep>, std::vector<FoldedLayer>> steps = {};
  /// Whether half of the channels leave as latent; not at the top.
  bool splits = false;
  /// Of what leaves, given what stays; undefined tensors: N(0, I).
  FoldedConvolution split_prior = {};
};

/// The steps of a level on x [N, C, H, W], squeezed: with a graph as the options say, or without one.
LayerChainResult apply(const FoldedLevel& level, const torch::Tensor& x, const ChainOptions& options);
/// x from y. Differentiable.
torch::Tensor apply_inverse(const FoldedLevel& level, const torch::Tensor& y);
/// The Gaussian of what leaves at a split, given what stays; of shape [1, 1, 1, 1] for N(0, I).
DiagonalGaussian split_gaussian(const FoldedLevel& level, const torch::Tensor& stays);

/// One scale of the model: flow steps, and a split below the top (Glow, figure 2b). The squeeze before it has no
/// weights.
class LevelImpl : public torch::nn::Cloneable<LevelImpl> {
 public:
  LevelImpl(const GlowOptions& options, std::int64_t index);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  /// Differentiable; without the steps' inverses and networks. `by_batch`, `sum`: as CouplingLayerImpl::fold.
  FoldedLevel fold(bool by_batch = false, const SumOverProcesses& sum = nullptr) const;

  /// Calls visit(step, k) with a FlowStepImpl& or a CouplingLayerImpl&, from the first to the last.
  template <class Visitor>
  void for_each_step(Visitor&& visit) const {
    for (std::size_t k = 0; k < steps->size(); ++k) {
      const auto module = steps->ptr(k);
      if (auto* step = module->as<FlowStepImpl>()) visit(*step, k);
      if (auto* layer = module->as<CouplingLayerImpl>()) visit(*layer, k);
    }
  }
  /// Whether this level splits.
  bool splits() const { return index_ < options_.levels - 1; }

  /// FlowSteps or CouplingLayers.
  torch::nn::ModuleList steps{nullptr};
  /// Null where nothing splits, or what leaves is N(0, I).
  Split split{nullptr};

 private:
  GlowOptions options_;
  std::int64_t index_;
};
TORCH_MODULE(Level);

}  // namespace glow::nn
