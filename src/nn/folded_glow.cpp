#include "nn/folded_glow.h"

#include "nn/fold_steps.h"

namespace glow::nn {

namespace {

/// Makes the weights of the two kinds of steps ready.
struct AddNets {
  HiddenPrecision precision;

  void operator()(std::vector<FoldedStep>& steps) const {
    for (auto& step : steps) step.net = fold(step.scaled_net, precision);
  }
  void operator()(std::vector<FoldedLayer>& layers) const {
    for (auto& layer : layers) layer = in_precision(std::move(layer), precision);
  }
};

struct AddInverses {
  void operator()(std::vector<FoldedStep>& steps) const {
    std::vector<ops::ChannelMap> maps;
    for (const auto& step : steps) maps.push_back(step.map);
    const auto inverses = invert_each(maps);
    for (std::size_t k = 0; k < maps.size(); ++k) steps[k].inverse = inverses[k];
  }
  /// A coupling layer's inverse takes nothing that is worth keeping.
  void operator()(std::vector<FoldedLayer>&) const {}
};

}  // namespace

void add_nets(FoldedGlow& folded, HiddenPrecision precision) {
  for (auto& level : folded.levels) std::visit(AddNets{precision}, level.steps);
}

void add_inverses(FoldedGlow& folded) {
  for (auto& level : folded.levels) std::visit(AddInverses{}, level.steps);
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
  auto made = use.with_inverses ? *get({use.precision, false}, fold) : fold();
  if (use.with_inverses) {
    add_inverses(made);
  } else {
    add_nets(made, use.precision);
  }
  return kept = std::make_shared<const FoldedGlow>(std::move(made));
}

}  // namespace glow::nn
