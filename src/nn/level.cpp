#include "nn/level.h"

#include <ATen/ATen.h>

#include "nn/coupling_step.h"
#include "nn/family.h"
#include "nn/flow_step.h"

namespace glow::nn {

DiagonalGaussian split_gaussian(const FoldedConvolution& split_prior, const torch::Tensor& stays) {
  if (split_prior.weight.defined()) return DiagonalGaussian::from_halves(apply(split_prior, stays));
  const auto zero = torch::zeros({1, 1, 1, 1}, stays.options().requires_grad(false));
  return {zero, zero};
}

LevelImpl::LevelImpl(const GlowOptions& options, std::int64_t index) : options_(options), index_(index) { reset(); }

void LevelImpl::reset() {
  const auto& family = family_spec(options_.family);
  const auto shape = level_shape(options_, index_);
  steps = register_module("steps", torch::nn::ModuleList());
  for (std::int64_t k = 0; k < step_count(options_, index_); ++k) {
    switch (family.step_kind(options_)) {
      case StepKind::kFlowStep:
        steps->push_back(FlowStep(shape, options_));
        break;
      case StepKind::kResidualStep:
      case StepKind::kDenseStep:
        steps->push_back(CouplingStep(options_, index_, k));
        break;
    }
  }
  if (splits() && family.learns_split_prior) {
    split = register_module("split", Split(shape.channels, options_.edge_bias));
  }
}

void LevelImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Level(" << index_ << ")"; }

std::vector<Step*> LevelImpl::all_steps() const {
  std::vector<Step*> all;
  for (std::size_t k = 0; k < steps->size(); ++k) all.push_back(&dynamic_cast<Step&>(*steps->ptr(k)));
  return all;
}

void LevelImpl::draw(WeightSource& source) {
  for (auto* step : all_steps()) step->draw(source);
}

FoldedLevel LevelImpl::fold(const LayerMode& mode) const {
  const auto all = all_steps();
  const std::vector<const Step*> steps_of_level(all.begin(), all.end());
  return {.layers = all.front()->layers(steps_of_level, mode), .splits = splits(), .split_prior = fold_split_prior()};
}

FoldedConvolution LevelImpl::fold_split_prior() const { return split ? split->prior->fold() : FoldedConvolution{}; }

FoldedGlow prepared(FoldedGlow folded, HiddenPrecision precision) {
  for (auto& level : folded.levels) level.layers = level.layers->prepared(precision);
  return folded;
}

FoldedGlow with_inverses(FoldedGlow folded) {
  for (auto& level : folded.levels) level.layers = level.layers->with_inverses();
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
