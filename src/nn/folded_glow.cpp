#include "nn/folded_glow.h"

#include "nn/fold_steps.h"

namespace glow::nn {

void add_nets(FoldedGlow& folded, HiddenPrecision precision) {
  for (auto& level : folded.levels) {
    for (auto& step : level.steps) step.net = fold(step.scaled_net, precision);
  }
}

void add_inverses(FoldedGlow& folded) {
  for (auto& level : folded.levels) {
    std::vector<ops::ChannelMap> maps;
    for (const auto& step : level.steps) maps.push_back(step.map);
    const auto inverses = invert_each(maps);
    for (std::size_t k = 0; k < maps.size(); ++k) level.steps[k].inverse = inverses[k];
  }
}

std::shared_ptr<const FoldedGlow> FoldCache::get(std::uint64_t fingerprint, FoldedUse use,
                                                 const std::function<FoldedGlow()>& fold) {
  const std::lock_guard lock(mutex_);
  if (fingerprint != fingerprint_) kept_.clear();
  fingerprint_ = fingerprint;
  return get(use, fold);
}

std::shared_ptr<const FoldedGlow> FoldCache::get(FoldedUse use, const std::function<FoldedGlow()>& fold) {
  auto& kept = kept_[use];
  if (kept) return kept;
  auto made = use.with_inverses ? *get({use.precision, false}, fold) : fold();
  if (use.with_inverses) {
    add_inverses(made);
  } else {
    add_nets(made, use.precision);
  }
  return kept = std::make_shared<const FoldedGlow>(std::move(made));
}

}  // namespace glow::nn
