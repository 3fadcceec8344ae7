#include "nn/folded_glow.h"

namespace glow::nn {

void add_inverses(FoldedGlow& folded) {
  for (auto& level : folded.levels) {
    for (auto& step : level.steps) step.inverse = ops::invert(step.map);
  }
}

std::shared_ptr<const FoldedGlow> FoldCache::get(std::uint64_t fingerprint, bool with_inverses,
                                                 const std::function<FoldedGlow()>& fold) {
  const std::lock_guard lock(mutex_);
  if (!forward_ || fingerprint != fingerprint_) {
    both_ = nullptr;
    forward_ = std::make_shared<const FoldedGlow>(fold());
    fingerprint_ = fingerprint;
  }
  if (!with_inverses) return forward_;
  if (!both_) {
    FoldedGlow copy = *forward_;
    add_inverses(copy);
    both_ = std::make_shared<const FoldedGlow>(std::move(copy));
  }
  return both_;
}

}  // namespace glow::nn
