#pragma once

#include <ATen/ATen.h>

#include "nn/chain.h"
#include "nn/flow_step.h"
#include "nn/level.h"

namespace glow::testing {

/// The layers prepared for forward passes and, if `inverses`, for the inverse.
inline std::shared_ptr<const nn::FlowLayers> prepared(const nn::FlowLayers& layers, bool inverses = false) {
  const auto all = layers.prepared(nn::HiddenPrecision::kFull);
  return inverses ? all->with_inverses() : all;
}

/// The layer of one step.
template <class Step>
std::shared_ptr<const nn::FlowLayers> layers_of(const Step& step) {
  const nn::Step* const only = step.get();
  return only->layers(std::span(&only, 1), {});
}

/// The matrix of one permutation, [1, C, C].
inline nn::PermutationImpl::Matrices matrices_of(const nn::PermutationImpl& permutation,
                                                 const torch::TensorOptions& options) {
  return nn::PermutationImpl::stacked(
      {&permutation}, [](const auto& parameter) { return parameter.unsqueeze(0); }, options);
}

/// y and log|det dy/dx| [N] of a flow step by its definition (Glow, table 1), without folding; the expected result of
/// FlowStepLayers. Differentiable.
inline nn::ChainResult plain_flow_step(const nn::FlowStepImpl& step, const torch::Tensor& x, bool edge_bias) {
  const auto over_channels = [](const torch::Tensor& vector) { return vector.view({1, -1, 1, 1}); };
  const auto actnorm = [&](const torch::Tensor& z, const nn::ActNormImpl& norm) {
    return (z + over_channels(norm.bias)) * (3 * over_channels(norm.log_scale)).exp();
  };
  const auto conv3x3 = [&](const torch::Tensor& z, const torch::Tensor& weight) {
    const auto outside = 1 - at::constant_pad_nd(torch::ones_like(z.narrow(1, 0, 1)), {1, 1, 1, 1});
    const auto padded = at::constant_pad_nd(z, {1, 1, 1, 1});
    return at::conv2d(edge_bias ? at::cat({padded, outside}, 1) : padded, weight);
  };

  const auto matrix = matrices_of(*step.permutation, x.options()).weight[0];
  const auto mixed = at::einsum("oc,nchw->nohw", {matrix, actnorm(x, *step.actnorm)});
  auto log_det = (std::get<1>(at::linalg_slogdet(matrix)) + 3 * step.actnorm->log_scale.sum()) *
                 static_cast<double>(x.size(2) * x.size(3));
  log_det = log_det.expand(x.size(0));

  const auto& net = *step.coupling->net;
  const auto halves = mixed.chunk(2, 1);
  auto h = actnorm(conv3x3(halves[0], net.conv1->weight), *net.conv1->actnorm).relu();
  h = actnorm(at::conv2d(h, net.conv2->weight), *net.conv2->actnorm).relu();
  h = (conv3x3(h, net.conv3->weight) + over_channels(net.conv3->bias)) *
      (3 * over_channels(net.conv3->log_scale)).exp();
  if (step.coupling->kind() == nn::CouplingKind::kAdditive) {
    return {at::cat({halves[0], halves[1] + h}, 1), log_det, {}};
  }
  const auto parts = h.chunk(2, 1);
  const auto scale = (parts[1] + 2).sigmoid();
  return {at::cat({halves[0], (halves[1] + parts[0]) * scale}, 1), log_det + scale.log().sum({1, 2, 3}), {}};
}

}  // namespace glow::testing
