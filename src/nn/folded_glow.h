#pragma once

#include <functional>
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

/// Fills in the inverse map of every step.
void add_inverses(FoldedGlow& folded);

/// Keeps folded weights until the parameters change. Safe to use from several threads at once.
class FoldCache {
 public:
  /// The folded weights of the parameters that `fingerprint` stands for, made by `fold` where they are not at hand.
  std::shared_ptr<const FoldedGlow> get(std::uint64_t fingerprint, bool with_inverses,
                                        const std::function<FoldedGlow()>& fold);

 private:
  std::mutex mutex_;
  std::uint64_t fingerprint_ = 0;
  std::shared_ptr<const FoldedGlow> forward_;
  std::shared_ptr<const FoldedGlow> both_;
};

}  // namespace glow::nn
