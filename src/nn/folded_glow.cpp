#include "nn/folded_glow.h"

namespace glow::nn {

FoldedGlow prepared(FoldedGlow folded, HiddenPrecision precision) {
  for (auto& level : folded.levels) {
    for (auto& layer : level.layers) layer = layer->prepared(precision);
  }
  return folded;
}

FoldedGlow with_inverses(FoldedGlow folded) {
  for (auto& level : folded.levels) level.layers = level.layers.front()->with_inverses(level.layers);
  return folded;
}

std::shared_ptr<const FoldedGlow> FoldCache::get(std::uint64_t checksum, FoldedUse use,
                                                 const std::function<FoldedGlow()>& fold) {
  const std::lock_guard lock(mutex_);
  if (checksum != checksum_) kept_.clear();
  checksum_ = checksum;
  return get(use, fold);
}

std::shared_ptr<const FoldedGlow> FoldCache::get(FoldedUse use, const std::function<FoldedGlow()>& fold) {
  auto& kept = kept_[use];
  if (kept) return kept;
  auto made = use.with_inverses ? with_inverses(*get({use.precision, false}, fold)) : prepared(fold(), use.precision);
  return kept = std::make_shared<const FoldedGlow>(std::move(made));
}

}  // namespace glow::nn
