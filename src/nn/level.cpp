#include <glow/nn/level.h>

#include <ATen/ATen.h>

#include "nn/fold_steps.h"

namespace glow::nn {
namespace {

/// What applies and inverts the two kinds of steps.
struct ApplySteps {
  const torch::Tensor& x;
  const ChainOptions& options;

  LayerChainResult operator()(const std::vector<FoldedStep>& steps) const {
    auto [y, log_det] = torch::GradMode::is_enabled() ? apply_steps(steps, x, options) : apply_steps(steps, x);
    return {y, log_det, {}};
  }
  LayerChainResult operator()(const std::vector<FoldedLayer>& layers) const {
    return torch::GradMode::is_enabled() ? apply_layers(layers, x, options) : apply_layers(layers, x);
  }
};

struct InvertSteps {
  const torch::Tensor& y;

  torch::Tensor operator()(const std::vector<FoldedStep>& steps) const { return invert_steps(steps, y); }
  torch::Tensor operator()(const std::vector<FoldedLayer>& layers) const { return invert_layers(layers, y); }
};

/// Whether a model of these options has its steps computed by hand.
bool has_flow_steps(const GlowOptions& options) {
  return options.family == Family::kGlow ||
         (options.family == Family::kNICE && options.network == NetworkKind::kConvolutional);
}

}  // namespace

LayerChainResult apply(const FoldedLevel& level, const torch::Tensor& x, const ChainOptions& options) {
  return std::visit(ApplySteps{x, options}, level.steps);
}

torch::Tensor apply_inverse(const FoldedLevel& level, const torch::Tensor& y) {
  return std::visit(InvertSteps{y}, level.steps);
}

DiagonalGaussian split_gaussian(const FoldedLevel& level, const torch::Tensor& stays) {
  if (level.split_prior.weight.defined()) return DiagonalGaussian::from_halves(apply(level.split_prior, stays));
  const auto zero = torch::zeros({1, 1, 1, 1}, stays.options().requires_grad(false));
  return {zero, zero};
}

LevelImpl::LevelImpl(const GlowOptions& options, std::int64_t index) : options_(options), index_(index) { reset(); }

void LevelImpl::reset() {
  const auto shape = level_shape(options_, index_);
  steps = register_module("steps", torch::nn::ModuleList());
  for (std::int64_t k = 0; k < step_count(options_, index_); ++k) {
    if (has_flow_steps(options_)) {
      steps->push_back(FlowStep(shape, options_));
    } else {
      steps->push_back(CouplingLayer(options_, index_, k));
    }
  }
  if (splits() && options_.family == Family::kGlow) {
    split = register_module("split", Split(shape.channels, options_.edge_bias));
  }
}

void LevelImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Level(" << index_ << ")"; }

void LevelImpl::draw(WeightSource& source) {
  for_each_step([&](auto& step, std::size_t) { step.draw(source); });
}

FoldedLevel LevelImpl::fold(bool by_batch, const SumOverProcesses& sum) const {
  FoldedLevel folded{.steps = {}, .splits = splits(), .split_prior = {}};
  if (split) folded.split_prior = split->prior->fold();
  if (has_flow_steps(options_)) {
    std::vector<const FlowStepImpl*> all;
    for (std::size_t k = 0; k < steps->size(); ++k) all.push_back(steps->ptr<FlowStepImpl>(k).get());
    folded.steps = fold_steps(all);
  } else {
    std::vector<FoldedLayer> layers;
    for (std::size_t k = 0; k < steps->size(); ++k) {
      layers.push_back(steps->ptr<CouplingLayerImpl>(k)->fold(by_batch, sum));
    }
    folded.steps = std::move(layers);
  }
  return folded;
}

}  // namespace glow::nn
