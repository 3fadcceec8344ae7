#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>

#include "nn/convolution.h"
#include "nn/layer.h"
#include "nn/prior.h"
#include "nn/step.h"

namespace glow::nn {

/// The folded weights of a level.
struct FoldedLevel {
  std::shared_ptr<const FlowLayers> layers;
  /// Whether the level ends with a split; false at the top.
  bool splits = false;
  /// The network of the prior of the split's latent half; undefined tensors: N(0, I).
  FoldedConvolution split_prior = {};
};

/// The prior of a split's latent half given the half that stays in the flow, `stays`. For N(0, I), mean and log_sd are
/// [1, 1, 1, 1].
DiagonalGaussian split_gaussian(const FoldedConvolution& split_prior, const torch::Tensor& stays);

/// One scale of the model: flow steps, and a split below the top (Glow, figure 2b). The squeeze before it has no
/// weights.
class LevelImpl : public torch::nn::Cloneable<LevelImpl> {
 public:
  LevelImpl(const GlowOptions& options, std::int64_t index);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  /// Folds the level; its layers are not prepared. Differentiable.
  FoldedLevel fold(const LayerMode& mode = {}) const;
  /// FoldedLevel::split_prior. Differentiable.
  FoldedConvolution fold_split_prior() const;

  /// From the first to the last.
  std::vector<Step*> all_steps() const;
  /// Whether this level splits.
  bool splits() const { return index_ < options_.levels - 1; }

  /// FlowSteps or CouplingSteps.
  torch::nn::ModuleList steps{nullptr};
  /// Null if the level does not split or the prior of the split is N(0, I).
  Split split{nullptr};

 private:
  GlowOptions options_;
  std::int64_t index_;
};
TORCH_MODULE(Level);

/// The folded weights of a model.
struct FoldedGlow {
  std::vector<FoldedLevel> levels;
  /// TopImpl::fold: [mean | log_sd] of the top latent without the class embedding.
  torch::Tensor top;
};

/// The model with every layer prepared (FlowLayers::prepared).
FoldedGlow prepared(FoldedGlow folded, HiddenPrecision precision);
/// The model with the inverse of every layer (FlowLayers::with_inverses).
FoldedGlow with_inverses(FoldedGlow folded);

/// The form of the folded weights that a pass needs.
struct FoldedUse {
  HiddenPrecision precision;
  bool with_inverses;
  auto operator<=>(const FoldedUse&) const = default;
};

/// Keeps prepared layers until the parameters change. Safe to use from several threads at once.
class FoldCache {
 public:
  /// The prepared layers for parameters with this FlatParameters::checksum; made from fold() if they are not cached.
  std::shared_ptr<const FoldedGlow> get(std::uint64_t checksum, FoldedUse use, const std::function<FoldedGlow()>& fold);

 private:
  std::shared_ptr<const FoldedGlow> get(FoldedUse use, const std::function<FoldedGlow()>& fold);

  std::mutex mutex_;
  std::uint64_t checksum_ = 0;
  std::map<FoldedUse, std::shared_ptr<const FoldedGlow>> kept_;
};

}  // namespace glow::nn
