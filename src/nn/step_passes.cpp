#include "nn/step_passes.h"

#include <utility>

#include <ATen/ATen.h>

#include <glow/ops/channel_map.h>

#include "ops/coupling_in_place.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"
#include "ops/tf32_guard.h"

namespace glow::nn {
namespace {

torch::Tensor first_half(const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); }

torch::Tensor patches_of(const FoldedCouplingNet& net, const torch::Tensor& z) {
  const auto x1 = first_half(z);
  const auto& weight = net.first.weight;
  return ops::extract_patches(x1, /*with_edge_plane=*/weight.size(1) > 9 * x1.size(1), weight.scalar_type());
}

/// From the gradient of h; adds that of the network's input to `of_input`.
FoldedCouplingNet net_backward(const FoldedCouplingNet& net, const StepValues& values, const torch::Tensor& of_h,
                               torch::Tensor of_input) {
  const ops::Tf32Guard guard(net.tf32);
  const auto& [hidden1, hidden2, h] = values.activations;
  // The neighbourhoods of a gradient are the gradient of a sum of neighbourhoods.
  const auto of_parts = ops::extract_patches(of_h, /*with_edge_plane=*/false, net.third.weight.scalar_type());
  const auto over_images = of_h.sum(0).flatten(1);  // [O, H*W]
  const FoldedConvolution of_third{ops::pixel_product_weight_gradient(of_parts, hidden2), over_images.sum(1),
                                   values.outside_mask.mm(over_images.t())};

  const auto of_hidden2 = ops::pixel_product_input_gradient(of_parts, net.third.weight);
  const auto second_bias = ops::relu_backward_(of_hidden2, hidden2);
  const FoldedConvolution of_second{ops::pixel_product_weight_gradient(of_hidden2, hidden1), second_bias};

  const auto of_hidden1 = ops::pixel_product_input_gradient(of_hidden2, net.second.weight);
  const auto first_bias = ops::relu_backward_(of_hidden1, hidden1);
  const auto patches = patches_of(net, values.y);
  const FoldedConvolution of_first{ops::pixel_product_weight_gradient(of_hidden1, patches), first_bias};
  ops::add_patches_(of_input, ops::pixel_product_input_gradient(of_hidden1, net.first.weight));
  return {of_first, of_second, of_third};
}

}  // namespace

NetActivations run_net(const FoldedCouplingNet& net, const torch::Tensor& z) {
  const ops::Tf32Guard guard(net.tf32);
  const auto hidden1 = ops::pixel_product_relu(patches_of(net, z), net.first.weight, net.first.bias);
  const auto hidden2 = ops::pixel_product_relu(hidden1, net.second.weight, net.second.bias);
  const auto parts = ops::pixel_product(hidden2, net.third.weight);
  return {hidden1, hidden2, ops::sum_patches(parts, net.third.bias, net.third.outside)};
}

StepForward step_forward(const FoldedStep& step, const torch::Tensor& x) {
  StepForward forward;
  forward.y = ops::pixel_product(x, step.map.weight, step.map.bias);
  forward.activations = run_net(step.net, forward.y);
  forward.log_det = ops::couple_(step.kind, forward.y, forward.activations.h);
  return forward;
}

torch::Tensor step_inverse(const ops::ChannelMap& inverse, CouplingKind kind, const torch::Tensor& y,
                           const NetActivations& activations) {
  const auto mixed = y.clone(at::MemoryFormat::ChannelsLast);
  ops::uncouple_(kind, mixed, activations.h);
  return ops::pixel_product(mixed, inverse.weight, inverse.bias);
}

StepGradients step_backward(const FoldedStep& step, const StepValues& values, torch::Tensor gradient,
                            const torch::Tensor& log_det_gradient) {
  const auto of_h = ops::couple_backward_(step.kind, values.y, values.activations.h, gradient, log_det_gradient);
  auto of_net = net_backward(step.net, values, of_h, first_half(gradient));
  return {.x = ops::pixel_product_input_gradient(gradient, step.map.weight),
          .map_weight = ops::pixel_product_weight_gradient(gradient, values.x),
          .map_bias = gradient.sum({0, 2, 3}),
          .net = std::move(of_net)};
}

}  // namespace glow::nn
