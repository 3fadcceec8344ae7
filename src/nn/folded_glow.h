#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/level.h"

namespace glow::nn {

/// The folded weights of a model.
struct FoldedGlow {
  std::vector<FoldedLevel> levels;
  /// TopImpl::fold: [mean | log_sd] of the top latent without the class embedding.
  torch::Tensor top;
};

/// The model with every layer prepared (FlowLayer::prepared).
FoldedGlow prepared(FoldedGlow folded, HiddenPrecision precision);
/// The model with the inverse of every layer (FlowLayer::with_inverses).
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
