#include "nn/flow_step.h"

#include <utility>

#include <ATen/ATen.h>

#include "nn/family.h"
#include "nn/stacked_parameters.h"
#include "ops/coupling.h"
#include "ops/map_blocks.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"
#include "ops/pixels.h"
#include "ops/views.h"

namespace glow::nn {
namespace {

torch::Tensor first_half(const torch::Tensor& z) {
  return torch::GradMode::is_enabled() ? z.narrow(1, 0, z.size(1) / 2) : ops::first_half_view(z);
}

torch::Tensor patches_of(const ops::NetworkShape& shape, const ops::FoldedNet& net, const torch::Tensor& z) {
  return ops::extract_patches(first_half(z), shape.edge, net.weight1.scalar_type(), shape.gathered());
}

/// The coupling network of z1, the first half of z's channels, which the coupling does not change:
///
///     hidden1 = relu(W1 * patches(z1) + b1),  hidden2 = relu(W2 * hidden1 + b2),  h = sum_patches(W3 * hidden2) + b3
///
/// where * is a matrix product at every pixel, over all pixels by LibTorch.
ops::NetworkActivations run_products(const ops::NetworkShape& shape, const ops::FoldedNet& net,
                                     const torch::Tensor& z) {
  const auto hidden1 = ops::pixel_product_relu(patches_of(shape, net, z), net.weight1, net.bias1);
  const auto hidden2 = ops::pixel_product_relu(hidden1, net.weight2, net.bias2);
  const auto parts = ops::pixel_product(hidden2, net.weight3);
  return {hidden1, hidden2, ops::sum_patches(parts, net.bias3, net.outside)};
}

/// The gradients of run_products, from g = dL/dh = `of_h`. With sums over all pixels p of all images, and * as above:
///
///     g3 = patches(g),                    dL/dW3 = sum_p g3 hidden2^T,     dL/db3 = sum_p g
///     dL/doutside[t, o] = sum_p outside_mask[t, p] g[o, p]
///     g2 = (W3^T * g3) [hidden2 > 0],     dL/dW2 = sum_p g2 hidden1^T,     dL/db2 = sum_p g2
///     g1 = (W2^T * g2) [hidden1 > 0],     dL/dW1 = sum_p g1 patches(z1)^T, dL/db1 = sum_p g1
///     dL/dz1 += sum_patches(W1^T * g1)
///
/// patches and sum_patches are each other's adjoints, with taps in opposite order. `y`: the step's output, whose first
/// half is z1. `of_input`: dL/dz1, to which the result is added.
ops::FoldedNetGradient products_backward(const ops::NetworkShape& shape, const ops::FoldedNet& net,
                                         const torch::Tensor& y, const ops::NetworkActivations& activations,
                                         const torch::Tensor& of_h, const torch::Tensor& outside_mask,
                                         torch::Tensor of_input) {
  const auto& [hidden1, hidden2, h] = activations;
  ops::FoldedNetGradient gradient;
  const auto of_parts =
      ops::extract_patches(of_h, /*with_edge_plane=*/false, net.weight3.scalar_type(), shape.summed());
  const auto over_images = of_h.sum(0).flatten(1);  // [O, H*W]
  gradient.weight3 = ops::pixel_product_weight_gradient(of_parts, hidden2);
  gradient.bias3 = over_images.sum(1);
  gradient.outside = outside_mask.mm(over_images.t());

  const auto of_hidden2 = ops::pixel_product_input_gradient(of_parts, net.weight3);
  gradient.bias2 = ops::relu_backward_(of_hidden2, hidden2);
  gradient.weight2 = ops::pixel_product_weight_gradient(of_hidden2, hidden1);

  const auto of_hidden1 = ops::pixel_product_input_gradient(of_hidden2, net.weight2);
  gradient.bias1 = ops::relu_backward_(of_hidden1, hidden1);
  gradient.weight1 = ops::pixel_product_weight_gradient(of_hidden1, patches_of(shape, net, y));
  ops::add_patches_(of_input, ops::pixel_product_input_gradient(of_hidden1, net.weight1));
  return gradient;
}

std::vector<torch::Tensor> to_list(const ops::NetworkActivations& activations) {
  return {activations.hidden1, activations.hidden2, activations.h};
}

torch::Dtype dtype_of_hidden(HiddenPrecision precision, const torch::Tensor& parameters) {
  return precision == HiddenPrecision::kBf16 ? torch::kBFloat16 : parameters.scalar_type();
}

/// Map k of a stack, without a graph.
ops::ChannelMap map_at(const ops::ChannelMap& maps, std::size_t k) {
  const auto channels = maps.weight.size(1), index = static_cast<std::int64_t>(k);
  return {ops::view_at(maps.weight, index * channels * channels, {channels, channels}),
          ops::view_at(maps.bias, index * channels, {channels}),
          {}};
}

ops::ChannelMap differentiable_map_at(const ops::ChannelMap& maps, std::size_t k) {
  const auto index = static_cast<std::int64_t>(k);
  return {maps.weight[index], maps.bias[index], {}};
}

/// y = A x + b at every pixel, without a graph. `in_blocks`: by ops::map_pixels.
torch::Tensor apply_map(const ops::ChannelMap& map, const torch::Tensor& x, bool in_blocks) {
  return in_blocks ? ops::map_pixels(x, map.weight, map.bias) : ops::pixel_product(x, map.weight, map.bias);
}

/// The layers of the network whose parameters are `row` [numbers]. Differentiable.
ScaledCouplingNet scaled_net(const ops::NetworkShape& shape, const torch::Tensor& row) {
  const auto width = shape.width, outputs = shape.outputs, planes = shape.planes(), inputs3 = shape.inputs3();
  const auto parts = row.split_with_sizes(
      {width * 9 * planes, width, width, width * width, width, width, outputs * 9 * inputs3, outputs, outputs});
  const auto weight = [](const torch::Tensor& part, std::int64_t kernel, std::int64_t inputs) {
    return part.view({-1, kernel, kernel, inputs}).permute({0, 3, 1, 2});
  };
  return {{weight(parts[0], 3, planes), parts[1], scale_of(parts[2])},
          {weight(parts[3], 1, width), parts[4], scale_of(parts[5])},
          {weight(parts[6], 3, inputs3), parts[7], scale_of(parts[8])}};
}

}  // namespace

FlowStepLayers::FlowStepLayers(const ops::ChannelMap& maps, ops::CouplingKind kind, const ops::NetworkShape& shape,
                               torch::Tensor networks, torch::Tensor networks_gradient)
    : size_(static_cast<std::size_t>(networks.size(0))),
      // Contiguous, for map_at.
      maps_{maps.weight.contiguous(), maps.bias.contiguous(), maps.log_abs_det},
      kind_(kind),
      shape_(shape),
      networks_(std::move(networks)),
      networks_gradient_(std::move(networks_gradient)) {}

std::shared_ptr<const FlowLayers> FlowStepLayers::with(at::TensorList weights) const {
  auto layers = std::make_shared<FlowStepLayers>(*this);
  layers->maps_ = {weights[0], weights[1], {}};
  layers->networks_ = weights[2];
  return layers;
}

torch::Tensor FlowStepLayers::network_row(std::size_t k) const {
  return ops::view_at(networks_, static_cast<std::int64_t>(k) * networks_.stride(0), {1, networks_.size(1)});
}

std::shared_ptr<const FlowLayers> FlowStepLayers::prepared(HiddenPrecision precision, std::size_t first,
                                                           std::size_t count) const {
  auto layers = std::make_shared<FlowStepLayers>(*this);
  layers->first_folded_ = first;
  layers->tf32_ = precision == HiddenPrecision::kTf32;
  if (torch::GradMode::is_enabled()) {
    const auto rows = networks_.unbind();
    for (auto k = first; k < first + count; ++k) {
      layers->differentiable_.push_back(fold(scaled_net(shape_, rows[k]), precision));
    }
    return layers;
  }
  const auto hidden = dtype_of_hidden(precision, networks_);
  const auto layout =
      ops::has_network_blocks(shape_, networks_, hidden) ? ops::FoldedLayout::kForwardBlocks : ops::FoldedLayout::kRows;
  const auto rows = count == 1
                        ? network_row(first)
                        : networks_.narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(count));
  layers->folded_ = ops::fold_networks(rows, shape_, layout, hidden);
  return layers;
}

ops::NetworkActivations FlowStepLayers::run_network(std::size_t k, const torch::Tensor& z, bool keep) const {
  const auto net = folded_.at(static_cast<std::int64_t>(k - first_folded_));
  if (in_blocks()) return ops::run_network_blocks(shape_, net, z, keep);
  const ops::Tf32Guard guard(tf32_, z.device());
  return run_products(shape_, net, z);
}

FlowLayers::Forward FlowStepLayers::forward(std::size_t k, const torch::Tensor& x, bool keep) const {
  auto y = apply_map(map_at(maps_, k), x, in_blocks());
  const auto activations = run_network(k, y, keep);
  auto log_det = ops::couple_(kind_, y, activations.h);
  return {y, log_det, {{}, keep ? to_list(activations) : std::vector<torch::Tensor>{}}};
}

torch::Tensor FlowStepLayers::inverse(std::size_t k, const torch::Tensor& y, const Kept& kept) const {
  if (!folded_.defined()) {
    auto net = differentiable_[k - first_folded_];
    net.tf32 = tf32_;
    return ops::apply(differentiable_map_at(inverse_maps_, k), ops::uncouple(kind_, y, nn::apply(net, first_half(y))));
  }
  const auto mixed = y.clone(at::MemoryFormat::ChannelsLast);
  const auto h = kept.activations.empty() ? run_network(k, mixed, /*keep=*/false).h : kept.activations.back();
  ops::uncouple_(kind_, mixed, h);
  return apply_map(map_at(inverse_maps_, k), mixed, in_blocks());
}

std::vector<torch::Tensor> FlowStepLayers::recompute(std::size_t k, const torch::Tensor& y) const {
  return to_list(run_network(k, y, /*keep=*/true));
}

std::vector<torch::Tensor> FlowStepLayers::new_gradients() const {
  return {at::empty_like(maps_.weight), at::empty_like(maps_.bias),
          networks_gradient_.defined() ? networks_gradient_ : at::empty(networks_.sizes(), networks_.options())};
}

torch::Tensor FlowStepLayers::backward(std::size_t k, const Pass& pass, torch::Tensor gradient,
                                       const torch::Tensor& log_det_gradient,
                                       std::vector<torch::Tensor>& gradients) const {
  // z = A x + b at every pixel, then y = coupling(z; h(z1)). In place, `gradient` goes from dL/dy to dL/dz:
  //     dL/dx = A^T dL/dz,   dL/dA = sum_p dL/dz x^T,   dL/db = sum_p dL/dz
  const auto& kept = pass.kept.activations;
  const ops::NetworkActivations activations{kept[0], kept[1], kept[2]};
  gradient = gradient.contiguous(at::MemoryFormat::ChannelsLast);
  const auto of_h = ops::couple_backward_(kind_, pass.y, activations.h, gradient, log_det_gradient);
  const auto row = network_row(k);
  const auto hidden = activations.hidden1.scalar_type();
  const bool by_blocks = activations.hidden1.dim() == 2;  // as the forward pass decided
  ops::FoldedNetGradient of_net;
  if (by_blocks) {
    const auto net = ops::fold_networks(row, shape_, ops::FoldedLayout::kBackwardBlocks, hidden).at(0);
    of_net = ops::network_blocks_backward(shape_, net, pass.y, activations, of_h, first_half(gradient));
  } else {
    const ops::Tf32Guard guard(pass.precision == HiddenPrecision::kTf32, pass.y.device());
    const bool is_folded = folded_.defined() && folded_.layout == ops::FoldedLayout::kRows;
    const auto net = is_folded ? folded_.at(static_cast<std::int64_t>(k - first_folded_))
                               : ops::fold_networks(row, shape_, ops::FoldedLayout::kRows, hidden).at(0);
    of_net = products_backward(shape_, net, pass.y, activations, of_h, outside_mask_, first_half(gradient));
  }
  const auto& of_networks = gradients[2];
  const auto of_row =
      ops::view_at(of_networks, static_cast<std::int64_t>(k) * of_networks.stride(0), {of_networks.size(1)});
  ops::unfold_gradient(ops::view_at(row, 0, {row.size(1)}), shape_, of_net, of_row,
                       /*accumulate=*/networks_gradient_.defined());

  const auto map = map_at(maps_, k), to = map_at({gradients[0], gradients[1], {}}, k);
  if (by_blocks) {
    const auto of_map = ops::map_pixels_backward(pass.x, map.weight, gradient);
    to.weight.copy_(of_map.matrix);
    to.bias.copy_(of_map.bias);
    return of_map.x;
  }
  const auto of_parameters = ops::pixel_product_parameter_gradients(gradient, pass.x);
  to.weight.copy_(of_parameters.weight);
  to.bias.copy_(of_parameters.bias);
  return ops::pixel_product_input_gradient(gradient, map.weight);
}

std::shared_ptr<const FlowLayers> FlowStepLayers::with_inverses() const {
  auto layers = std::make_shared<FlowStepLayers>(*this);
  const auto no_log_det = torch::zeros({maps_.weight.size(0)}, maps_.weight.options().requires_grad(false));
  const auto inverses = ops::invert({maps_.weight, maps_.bias, no_log_det});
  layers->inverse_maps_ = {inverses.weight.contiguous(), inverses.bias.contiguous(), {}};
  return layers;
}

std::shared_ptr<const FlowLayers> FlowStepLayers::for_backward(const torch::Tensor& y, bool inverses) const {
  auto layers =
      std::make_shared<FlowStepLayers>(inverses ? dynamic_cast<const FlowStepLayers&>(*with_inverses()) : *this);
  layers->outside_mask_ = ops::outside_mask(y.size(2), y.size(3), y.options());
  return layers;
}

namespace {

/// Actnorm and permutation of every step as one affine map, each tensor with an axis [K] in front:
///
///     P (x + b) * s = (P diag(s)) x + P (s * b),   log|det| = log|det P| + sum log s
ops::ChannelMap stacked_maps(const std::vector<const FlowStepImpl*>& steps, const StackedParameters& parameters) {
  const auto& first = *steps.front();
  std::vector<const PermutationImpl*> permutations;
  for (const auto* step : steps) permutations.push_back(step->permutation.get());
  const auto [matrix, log_abs_det] = PermutationImpl::stacked(
      permutations, [&](const torch::Tensor& parameter) { return parameters.all(parameter); },
      parameters.second().options().requires_grad(false));
  if (!first.actnorm) {
    return {matrix, torch::zeros({matrix.size(0), matrix.size(1)}, matrix.options().requires_grad(false)), log_abs_det};
  }
  const auto bias = parameters.all(first.actnorm->bias), log_scale = parameters.all(first.actnorm->log_scale);
  const auto scale = scale_of(log_scale);
  return {matrix * scale.unsqueeze(1), matrix.matmul((bias * scale).unsqueeze(2)).squeeze(2),
          log_abs_det + log_scale.sum(1) * kLogScaleFactor};
}

StackedParameters stacked_parameters(const std::vector<const FlowStepImpl*>& steps, bool adds_gradients) {
  const std::vector<const torch::nn::Module*> modules(steps.begin(), steps.end());
  return {modules, steps.front()->coupling->net->conv1->weight, adds_gradients};
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

std::shared_ptr<const FlowLayers> FlowStepImpl::layers(std::span<const Step* const> steps,
                                                       const LayerMode& mode) const {
  std::vector<const FlowStepImpl*> flow_steps;
  for (const auto* step : steps) flow_steps.push_back(&dynamic_cast<const FlowStepImpl&>(*step));
  const auto parameters = stacked_parameters(flow_steps, mode.adds_gradients);
  return std::make_shared<FlowStepLayers>(stacked_maps(flow_steps, parameters), coupling->kind(),
                                          coupling->net->shape(), parameters.second(), parameters.second_gradient());
}

void FlowStepImpl::visit(PartVisitor& visitor, const std::string& name, bool /*by_batch*/) {
  const auto identity = [](const torch::Tensor& z) { return z; };
  const auto x1 = [](const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); };
  if (actnorm) {
    visitor.start(name + ".actnorm", *actnorm, identity);
    visitor.result(name + ".actnorm", [&](const auto& z) { return ops::apply(actnorm->channel_map(), z); });
  }
  const auto maps = stacked_maps({this}, stacked_parameters({this}, /*adds_gradients=*/false));
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
