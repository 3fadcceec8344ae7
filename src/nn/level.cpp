#include <glow/nn/level.h>

#include "nn/fold_steps.h"

namespace glow::nn {

LevelImpl::LevelImpl(const GlowOptions& options, std::int64_t index) : options_(options), index_(index) { reset(); }

void LevelImpl::reset() {
  const auto shape = level_shape(options_, index_);
  steps = register_module("steps", torch::nn::ModuleList());
  for (std::int64_t k = 0; k < options_.depth; ++k) steps->push_back(FlowStep(shape, options_));
  const bool top = index_ == options_.levels - 1;
  if (!top) split = register_module("split", Split(shape.channels, options_.edge_bias));
}

void LevelImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Level(" << index_ << ")"; }

void LevelImpl::draw(WeightSource& source) {
  for (std::int64_t k = 0; k < options_.depth; ++k) step(k).draw(source);
}

FoldedLevel LevelImpl::fold() const {
  FoldedLevel folded;
  std::vector<const FlowStepImpl*> all;
  for (std::int64_t k = 0; k < options_.depth; ++k) all.push_back(&step(k));
  folded.steps = fold_steps(all);
  if (split) folded.split_prior = split->prior->fold();
  return folded;
}

}  // namespace glow::nn
