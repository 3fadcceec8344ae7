#include "nn/step_passes.h"

#include <ATen/ATen.h>

#include <glow/ops/channel_map.h>

#include "ops/coupling_in_place.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

torch::Tensor first_half(const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); }

/// The product whose weight is transposed: what a gradient goes back through.
torch::Tensor input_gradient(const torch::Tensor& gradient, const torch::Tensor& weight) {
  return ops::pixel_product(gradient, weight.t());
}

torch::Tensor patches_of(const StepWeights& step, const torch::Tensor& z) {
  const auto x1 = first_half(z);
  return ops::extract_patches(x1, step.first_weight.size(1) > 9 * x1.size(1));
}

}  // namespace

StepWeights StepWeights::of(const FoldedStep& step) {
  const auto& net = step.net;
  return {step.map.weight, step.map.bias,    net.first.weight, net.first.bias,   net.second.weight,
          net.second.bias, net.third.weight, net.third.bias,   net.third.outside};
}

StepWeights StepWeights::from(at::TensorList tensors) {
  return {tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], tensors[5], tensors[6], tensors[7], tensors[8]};
}

void StepWeights::append_to(std::vector<torch::Tensor>& tensors) const {
  tensors.insert(tensors.end(), {map_weight, map_bias, first_weight, first_bias, second_weight, second_bias,
                                 third_weight, third_bias, third_outside});
}

NetActivations run_net(const StepWeights& step, const torch::Tensor& z) {
  const auto hidden1 = ops::pixel_product_relu(patches_of(step, z), step.first_weight, step.first_bias);
  const auto hidden2 = ops::pixel_product_relu(hidden1, step.second_weight, step.second_bias);
  const auto parts = ops::pixel_product(hidden2, step.third_weight);
  return {hidden1, hidden2, ops::sum_patches(parts, step.third_bias, step.third_outside)};
}

StepForward step_forward(const StepWeights& step, CouplingKind kind, const torch::Tensor& x) {
  StepForward forward;
  forward.y = ops::pixel_product(x, step.map_weight, step.map_bias);
  forward.activations = run_net(step, forward.y);
  forward.log_det = ops::couple_(kind, forward.y, forward.activations.h);
  return forward;
}

torch::Tensor step_inverse(const ops::ChannelMap& inverse, CouplingKind kind, const torch::Tensor& y,
                           const NetActivations& activations) {
  const auto mixed = y.clone(at::MemoryFormat::ChannelsLast);
  ops::uncouple_(kind, mixed, activations.h);
  return ops::pixel_product(mixed, inverse.weight, inverse.bias);
}

StepGradients step_backward(const StepWeights& step, CouplingKind kind, const StepValues& values,
                            torch::Tensor gradient, const torch::Tensor& log_det_gradient) {
  const auto& [hidden1, hidden2, h] = values.activations;
  const auto of_h = ops::couple_backward_(kind, values.y, h, gradient, log_det_gradient);
  // The neighbourhoods of a gradient are the gradient of a sum of neighbourhoods.
  const auto of_parts = ops::extract_patches(of_h, /*with_edge_plane=*/false);
  const auto third_weight = ops::pixel_product_weight_gradient(of_parts, hidden2);
  const auto over_images = of_h.sum(0).flatten(1);  // [O, H*W]
  const auto third_bias = over_images.sum(1);
  const auto third_outside = values.outside_mask.mm(over_images.t());

  const auto of_hidden2 = input_gradient(of_parts, step.third_weight);
  const auto second_bias = ops::relu_backward_(of_hidden2, hidden2);
  const auto second_weight = ops::pixel_product_weight_gradient(of_hidden2, hidden1);

  const auto of_hidden1 = input_gradient(of_hidden2, step.second_weight);
  const auto first_bias = ops::relu_backward_(of_hidden1, hidden1);
  const auto first_weight = ops::pixel_product_weight_gradient(of_hidden1, patches_of(step, values.y));
  ops::add_patches_(first_half(gradient), input_gradient(of_hidden1, step.first_weight));

  const auto map_weight = ops::pixel_product_weight_gradient(gradient, values.x);
  const auto map_bias = gradient.sum({0, 2, 3});
  return {input_gradient(gradient, step.map_weight),
          {map_weight, map_bias, first_weight, first_bias, second_weight, second_bias, third_weight, third_bias,
           third_outside}};
}

}  // namespace glow::nn
