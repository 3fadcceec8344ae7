#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <glow/nn/level.h>

namespace glow::nn {

/// A whole model's weights ready to be applied.
struct FoldedGlow {
  std::vector<FoldedLevel> levels;
  /// Mean and log_sd of the top before any class moves them.
  torch::Tensor top;
};

/// Fills in the network of every step.
void add_nets(FoldedGlow& folded, HiddenPrecision precision);
/// Fills in the inverse map of every step.
void add_inverses(FoldedGlow& folded);

/// What folded weights are for.
struct FoldedUse {
  HiddenPrecision precision;
  bool with_inverses;
  auto operator<=>(const FoldedUse&) const = default;
};

/// Keeps folded weights until the parameters change. Safe to use from several threads at once.
class FoldCache {
 public:
  /// The folded weights, with networks, of the parameters with this FlatParameters::checksum; made by `fold` where
  /// they are not at hand.
  std::shared_ptr<const FoldedGlow> get(std::uint64_t checksum, FoldedUse use, const std::function<FoldedGlow()>& fold);

 private:
  std::shared_ptr<const FoldedGlow> get(FoldedUse use, const std::function<FoldedGlow()>& fold);

  std::mutex mutex_;
  std::uint64_t checksum_ = 0;
  std::map<FoldedUse, std::shared_ptr<const FoldedGlow>> kept_;
};

}  // namespace glow::nn
