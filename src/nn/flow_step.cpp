#include "nn/flow_step.h"

#include <utility>

#include <ATen/ATen.h>

#include "nn/family.h"
#include "ops/coupling.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

torch::Tensor first_half(const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); }

torch::Tensor patches_of(const FoldedCouplingNet& net, const torch::Tensor& z) {
  const auto x1 = first_half(z);
  const auto& weight = net.first.weight;
  return ops::extract_patches(x1, /*with_edge_plane=*/weight.size(1) > 9 * x1.size(1), weight.scalar_type());
}

/// The results of a coupling network that its backward pass needs, all channels_last.
struct NetActivations {
  /// After their ReLUs, [N, width, H, W].
  torch::Tensor hidden1, hidden2;
  /// [N, coupling_outputs, H, W]
  torch::Tensor h;
};

/// The coupling network of z1, the first half of z's channels, which the coupling does not change:
///
///     hidden1 = relu(W1 * patches(z1) + b1),  hidden2 = relu(W2 * hidden1 + b2),  h = sum_patches(W3 * hidden2) + b3
///
/// where * is a matrix product at every pixel.
NetActivations run_net(const FoldedCouplingNet& net, const torch::Tensor& z) {
  const ops::Tf32Guard guard(net.tf32);
  const auto hidden1 = ops::pixel_product_relu(patches_of(net, z), net.first.weight, net.first.bias);
  const auto hidden2 = ops::pixel_product_relu(hidden1, net.second.weight, net.second.bias);
  const auto parts = ops::pixel_product(hidden2, net.third.weight);
  return {hidden1, hidden2, ops::sum_patches(parts, net.third.bias, net.third.outside)};
}

/// The gradients of run_net, from g = dL/dh = `of_h`. With sums over all pixels p of all images, and * as above:
///
///     g3 = patches(g),                    dL/dW3 = sum_p g3 hidden2^T,     dL/db3 = sum_p g
///     dL/doutside[t, o] = sum_p outside_mask[t, p] g[o, p]
///     g2 = (W3^T * g3) [hidden2 > 0],     dL/dW2 = sum_p g2 hidden1^T,     dL/db2 = sum_p g2
///     g1 = (W2^T * g2) [hidden1 > 0],     dL/dW1 = sum_p g1 patches(z1)^T, dL/db1 = sum_p g1
///     dL/dz1 += sum_patches(W1^T * g1)
///
/// patches and sum_patches are each other's adjoints, with taps in opposite order. `y`: the step's output, whose first
/// half is z1. `of_input`: dL/dz1, to which the result is added.
FoldedCouplingNet net_backward(const FoldedCouplingNet& net, const torch::Tensor& y, const NetActivations& activations,
                               const torch::Tensor& of_h, const torch::Tensor& outside_mask, torch::Tensor of_input) {
  const ops::Tf32Guard guard(net.tf32);
  const auto& [hidden1, hidden2, h] = activations;
  const auto of_parts = ops::extract_patches(of_h, /*with_edge_plane=*/false, net.third.weight.scalar_type());
  const auto over_images = of_h.sum(0).flatten(1);  // [O, H*W]
  const FoldedConvolution of_third{ops::pixel_product_weight_gradient(of_parts, hidden2), over_images.sum(1),
                                   outside_mask.mm(over_images.t())};

  const auto of_hidden2 = ops::pixel_product_input_gradient(of_parts, net.third.weight);
  const auto second_bias = ops::relu_backward_(of_hidden2, hidden2);
  const FoldedConvolution of_second{ops::pixel_product_weight_gradient(of_hidden2, hidden1), second_bias};

  const auto of_hidden1 = ops::pixel_product_input_gradient(of_hidden2, net.second.weight);
  const auto first_bias = ops::relu_backward_(of_hidden1, hidden1);
  const auto patches = patches_of(net, y);
  const FoldedConvolution of_first{ops::pixel_product_weight_gradient(of_hidden1, patches), first_bias};
  ops::add_patches_(of_input, ops::pixel_product_input_gradient(of_hidden1, net.first.weight));
  return {of_first, of_second, of_third};
}

/// The folded network and its results as one list, FlowLayer::Kept::activations.
std::vector<torch::Tensor> to_list(const FoldedCouplingNet& net, const NetActivations& activations) {
  const auto& [first, second, third, tf32] = net;
  const auto& [hidden1, hidden2, h] = activations;
  return {first.weight, first.bias,    second.weight, second.bias, third.weight,
          third.bias,   third.outside, hidden1,       hidden2,     h};
}

/// The inverse of to_list.
std::pair<FoldedCouplingNet, NetActivations> from_list(const std::vector<torch::Tensor>& list, bool tf32) {
  return {{{list[0], list[1]}, {list[2], list[3]}, {list[4], list[5], list[6]}, tf32}, {list[7], list[8], list[9]}};
}

/// The inverses of the maps.
std::vector<ops::ChannelMap> inverses_of(const std::vector<ops::ChannelMap>& maps) {
  std::vector<torch::Tensor> weights, biases;
  for (const auto& map : maps) {
    weights.push_back(map.weight);
    biases.push_back(map.bias);
  }
  const auto stacked = at::stack(weights);
  const auto inverses = ops::invert(
      {stacked, at::stack(biases), torch::zeros({stacked.size(0)}, stacked.options().requires_grad(false))});
  std::vector<ops::ChannelMap> each;
  for (std::int64_t k = 0; k < stacked.size(0); ++k) each.push_back({inverses.weight[k], inverses.bias[k], {}});
  return each;
}

/// FlowLayer::weights of a flow step, and in the same order their gradients.
std::vector<torch::Tensor> weight_list(const torch::Tensor& matrix, const torch::Tensor& bias,
                                       const ScaledCouplingNet& net) {
  const auto& [first, second, third] = net;
  return {matrix,      bias,         first.weight, first.bias, first.scale, second.weight,
          second.bias, second.scale, third.weight, third.bias, third.scale};
}

const FlowStepLayer& as_flow_step(const std::shared_ptr<const FlowLayer>& layer) {
  return dynamic_cast<const FlowStepLayer&>(*layer);
}

}  // namespace

FlowStepLayer::FlowStepLayer(ops::ChannelMap map, ops::CouplingKind kind, ScaledCouplingNet net)
    : map_(std::move(map)), kind_(kind), scaled_net_(std::move(net)) {}

std::vector<torch::Tensor> FlowStepLayer::weights() const { return weight_list(map_.weight, map_.bias, scaled_net_); }

std::shared_ptr<const FlowLayer> FlowStepLayer::with(at::TensorList weights, HiddenPrecision precision) const {
  auto layer = std::make_shared<FlowStepLayer>(*this);
  layer->map_ = {weights[0], weights[1], {}};
  layer->scaled_net_ = {{weights[2], weights[3], weights[4]},
                        {weights[5], weights[6], weights[7]},
                        {weights[8], weights[9], weights[10]}};
  layer->net_ = {};
  layer->net_.tf32 = precision == HiddenPrecision::kTf32;
  return layer;
}

std::shared_ptr<const FlowLayer> FlowStepLayer::prepared(HiddenPrecision precision) const {
  auto layer = std::make_shared<FlowStepLayer>(*this);
  layer->net_ = fold(scaled_net_, precision);
  return layer;
}

FlowLayer::Forward FlowStepLayer::forward(const torch::Tensor& x) const {
  auto y = ops::pixel_product(x, map_.weight, map_.bias);
  const auto activations = run_net(net_, y);
  auto log_det = ops::couple_(kind_, y, activations.h);
  return {y, log_det, {{}, to_list(net_, activations)}};
}

torch::Tensor FlowStepLayer::inverse(const torch::Tensor& y, const Kept& kept) const {
  if (torch::GradMode::is_enabled()) {
    const auto h = nn::apply(net_, first_half(y));
    return ops::apply(inverse_map_, ops::uncouple(kind_, y, h));
  }
  const auto h = kept.activations.empty() ? run_net(net_, y).h : kept.activations.back();
  const auto mixed = y.clone(at::MemoryFormat::ChannelsLast);
  ops::uncouple_(kind_, mixed, h);
  return ops::pixel_product(mixed, inverse_map_.weight, inverse_map_.bias);
}

std::vector<torch::Tensor> FlowStepLayer::recompute(const torch::Tensor& y) const {
  return to_list(net_, run_net(net_, y));
}

FlowLayer::Gradients FlowStepLayer::backward(const Pass& pass, torch::Tensor gradient,
                                             const torch::Tensor& log_det_gradient) const {
  // z = A x + b at every pixel, then y = coupling(z; h(z1)). In place, `gradient` goes from dL/dy to dL/dz:
  //     dL/dx = A^T dL/dz,   dL/dA = sum_p dL/dz x^T,   dL/db = sum_p dL/dz
  const auto [net, activations] = from_list(pass.kept.activations, net_.tf32);
  gradient = gradient.contiguous(at::MemoryFormat::ChannelsLast);
  const auto of_h = ops::couple_backward_(kind_, pass.y, activations.h, gradient, log_det_gradient);
  auto of_folded = net_backward(net, pass.y, activations, of_h, outside_mask_, first_half(gradient));
  const auto of_net = fold_backward(scaled_net_, std::move(of_folded));
  const auto of_x = ops::pixel_product_input_gradient(gradient, map_.weight);
  const auto of_matrix = ops::pixel_product_weight_gradient(gradient, pass.x);
  return {of_x, weight_list(of_matrix, gradient.sum({0, 2, 3}), of_net)};
}

FlowLayers FlowStepLayer::with_inverses(const FlowLayers& layers) const {
  std::vector<ops::ChannelMap> maps;
  for (const auto& layer : layers) maps.push_back(as_flow_step(layer).map_);
  auto inverses = inverses_of(maps);
  FlowLayers result;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    auto layer = std::make_shared<FlowStepLayer>(as_flow_step(layers[k]));
    layer->inverse_map_ = std::move(inverses[k]);
    result.push_back(std::move(layer));
  }
  return result;
}

FlowLayers FlowStepLayer::for_backward(const FlowLayers& layers, const torch::Tensor& y, bool inverses) const {
  const auto outside_mask = ops::outside_mask(y.size(2), y.size(3), y.options());
  FlowLayers result;
  for (const auto& each : inverses ? with_inverses(layers) : layers) {
    auto layer = std::make_shared<FlowStepLayer>(as_flow_step(each));
    layer->outside_mask_ = outside_mask;
    result.push_back(std::move(layer));
  }
  return result;
}

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

/// The output scales of one convolution in the coupling network of every step, [O] each.
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
