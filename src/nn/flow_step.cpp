#include "nn/flow_step.h"

#include <ATen/ATen.h>

#include "nn/family.h"
#include "nn/flow_step_layer.h"
#include "ops/coupling.h"

namespace glow::nn {
namespace {

using Steps = std::vector<const FlowStepImpl*>;

/// [K, ...]: the tensor that `get` returns for each of the steps.
template <class Get>
torch::Tensor stack(const Steps& steps, Get&& get) {
  std::vector<torch::Tensor> tensors;
  for (const auto* step : steps) tensors.push_back(get(*step));
  return at::stack(tensors);
}

/// Actnorm and permutation of every step as one affine map, each tensor with an axis [K] in front:
///
///     P (x + b) * s = (P diag(s)) x + P (s * b),   log|det| = log|det P| + sum log s
ops::ChannelMap stacked_maps(const Steps& steps) {
  std::vector<const PermutationImpl*> permutations;
  for (const auto* step : steps) permutations.push_back(step->permutation.get());
  if (!steps.front()->actnorm) {
    const auto options = steps.front()->coupling->net->conv1->weight.options().requires_grad(false);
    const auto [matrix, log_abs_det] = PermutationImpl::stacked(permutations, options);
    return {matrix, torch::zeros({matrix.size(0), matrix.size(1)}, options), log_abs_det};
  }
  const auto bias = stack(steps, [](const auto& step) { return step.actnorm->bias; });
  const auto log_scale = stack(steps, [](const auto& step) { return step.actnorm->log_scale; });
  const auto scale = scale_of(log_scale);
  const auto [matrix, log_abs_det] = PermutationImpl::stacked(permutations, bias.options());
  return {matrix * scale.unsqueeze(1), matrix.matmul((bias * scale).unsqueeze(2)).squeeze(2),
          log_abs_det + log_scale.sum(1) * kLogScaleFactor};
}

/// The scales of one convolution in all coupling networks, [O] each.
template <class Get>
std::vector<torch::Tensor> scales(const Steps& steps, Get&& log_scale) {
  return scale_of(stack(steps, [&](const auto& step) { return log_scale(*step.coupling->net); })).unbind();
}

std::vector<ScaledCouplingNet> scaled_nets(const Steps& steps) {
  const auto scales1 = scales(steps, [](const auto& net) { return net.conv1->actnorm->log_scale; });
  const auto scales2 = scales(steps, [](const auto& net) { return net.conv2->actnorm->log_scale; });
  const auto scales3 = scales(steps, [](const auto& net) { return net.conv3->log_scale; });
  std::vector<ScaledCouplingNet> nets;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto& net = *steps[k]->coupling->net;
    nets.push_back({{net.conv1->weight, net.conv1->actnorm->bias, scales1[k]},
                    {net.conv2->weight, net.conv2->actnorm->bias, scales2[k]},
                    {net.conv3->weight, net.conv3->bias, scales3[k]}});
  }
  return nets;
}

}  // namespace

FlowStepImpl::FlowStepImpl(const LevelShape& shape, const GlowOptions& options) : shape_(shape), options_(options) {
  reset();
}

void FlowStepImpl::reset() {
  if (family_spec(options_.family).has_actnorm) actnorm = register_module("actnorm", ActNorm(shape_.channels));
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

FlowLayers FlowStepImpl::layers(std::span<const Step* const> steps, const BatchMode& /*mode*/) const {
  Steps flow_steps;
  for (const auto* step : steps) flow_steps.push_back(&dynamic_cast<const FlowStepImpl&>(*step));
  const auto maps = stacked_maps(flow_steps);
  const auto weights = maps.weight.unbind(), biases = maps.bias.unbind(), log_abs_dets = maps.log_abs_det.unbind();
  const auto nets = scaled_nets(flow_steps);
  FlowLayers layers;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const ops::ChannelMap map{weights[k], biases[k], log_abs_dets[k]};
    layers.push_back(std::make_shared<FlowStepLayer>(map, flow_steps[k]->coupling->kind(), nets[k]));
  }
  return layers;
}

void FlowStepImpl::visit(PartVisitor& visitor, const std::string& name, bool /*by_batch*/) {
  const auto identity = [](const torch::Tensor& z) { return z; };
  const auto x1 = [](const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); };
  if (actnorm) {
    visitor.start(name + ".actnorm", *actnorm, identity);
    visitor.result(name + ".actnorm", [&](const auto& z) { return ops::apply(actnorm->channel_map(), z); });
  }
  const auto maps = stacked_maps({this});
  const ops::ChannelMap map{maps.weight[0], maps.bias[0], maps.log_abs_det[0]};
  visitor.advance([&](const auto& z) { return ops::apply(map, z); });
  visitor.result(name + ".permutation", [&](const auto&) { return map.log_abs_det; });
  visitor.result(name + ".permutation", identity);

  auto& net = *coupling->net;
  const auto hidden1 = [&](const auto& z) { return first_layer(net.fold(), x1(z)); };
  visitor.start(name + ".coupling.net.conv1.actnorm", *net.conv1->actnorm, hidden1);
  visitor.result(name + ".coupling.net.conv1", hidden1);
  const auto hidden2 = [&](const auto& z) {
    const auto folded = net.fold();
    return second_layer(folded, first_layer(folded, x1(z)));
  };
  visitor.start(name + ".coupling.net.conv2.actnorm", *net.conv2->actnorm, hidden2);
  visitor.result(name + ".coupling.net.conv2", hidden2);
  const auto folded = net.fold();
  const auto h = [&](const auto& z) { return nn::apply(folded, x1(z)); };
  visitor.result(name + ".coupling.net.conv3", h);
  visitor.result(name + ".coupling", [&](const auto& z) { return ops::couple(coupling->kind(), z, h(z)).log_det; });
  visitor.advance([&](const auto& z) { return ops::couple(coupling->kind(), z, h(z)).y; });
  visitor.result(name + ".coupling", identity);
}

}  // namespace glow::nn
