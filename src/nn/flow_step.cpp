#include <glow/nn/flow_step.h>

#include <ATen/ATen.h>

#include "nn/fold_steps.h"
#include "nn/step_passes.h"

namespace glow::nn {

FlowStepImpl::FlowStepImpl(const LevelShape& shape, const GlowOptions& options) : shape_(shape), options_(options) {
  reset();
}

void FlowStepImpl::reset() {
  if (options_.family == Family::kGlow) actnorm = register_module("actnorm", ActNorm(shape_.channels));
  permutation = register_module("permutation", Permutation(options_.permutation, shape_.channels));
  const CouplingOptions coupling_options{.channels = shape_.channels,
                                         .hidden_width = options_.hidden_width,
                                         .kind = options_.coupling,
                                         .edge_bias = options_.edge_bias};
  coupling = register_module("coupling", Coupling(coupling_options));
}

void FlowStepImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::FlowStep(" << shape_.channels << ", " << to_string(options_.permutation) << ", "
         << to_string(options_.coupling) << ")";
}

void FlowStepImpl::draw(WeightSource& source) {
  permutation->draw(source);
  coupling->net->draw(source);
}

FoldedStep FlowStepImpl::fold() const {
  auto folded = fold_steps({this}).front();
  folded.net = nn::fold(folded.scaled_net);
  return folded;
}

ops::CouplingResult apply(const FoldedStep& step, const torch::Tensor& x) {
  const auto mixed = ops::apply(step.map, x);
  const auto h = apply(step.net, mixed.narrow(1, 0, mixed.size(1) / 2));
  auto [y, log_det] = ops::couple(step.kind, mixed, h);
  const auto of_map = step.map.log_abs_det * static_cast<double>(x.size(2) * x.size(3));
  return {y, log_det.defined() ? log_det + of_map : of_map.expand(x.size(0))};
}

torch::Tensor apply_inverse(const FoldedStep& step, const torch::Tensor& y) {
  if (!torch::GradMode::is_enabled()) return step_inverse(step.inverse, step.kind, y, run_net(step.net, y));
  const auto h = apply(step.net, y.narrow(1, 0, y.size(1) / 2));
  return ops::apply(step.inverse, ops::uncouple(step.kind, y, h));
}

}  // namespace glow::nn
