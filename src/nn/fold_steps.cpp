#include "nn/fold_steps.h"

#include <ATen/ATen.h>

namespace glow::nn {
namespace {

using Steps = std::vector<const FlowStepImpl*>;

/// [K, ...]: what `get` finds in each of the steps.
template <class Get>
torch::Tensor stack(const Steps& steps, Get&& get) {
  std::vector<torch::Tensor> tensors;
  for (const auto* step : steps) tensors.push_back(get(*step));
  return at::stack(tensors);
}

/// Of all permutations, [K, C, C], and log|det| of each, [K].
struct Matrices {
  torch::Tensor weight;
  torch::Tensor log_abs_det;
};

/// [K, C, C]: row i is one-hot at indices[i].
torch::Tensor permutation_matrices(const Steps& steps, const torch::TensorOptions& options) {
  const auto indices = stack(steps, [](const auto& step) { return step.permutation->indices; });
  return at::one_hot(indices, indices.size(1)).to(options);
}

Matrices lu_matrices(const Steps& steps) {
  const auto lower = stack(steps, [](const auto& step) { return step.permutation->lower; });
  const auto upper = stack(steps, [](const auto& step) { return step.permutation->upper; });
  const auto log_diagonal = stack(steps, [](const auto& step) { return step.permutation->log_diagonal; });
  const auto sign = stack(steps, [](const auto& step) { return step.permutation->sign_diagonal; });
  const auto l = lower.tril(-1) + torch::eye(lower.size(1), lower.options().requires_grad(false));
  const auto u = upper.triu(1) + (sign * log_diagonal.exp()).diag_embed();
  return {permutation_matrices(steps, lower.options()).matmul(l).matmul(u), log_diagonal.sum(1)};
}

Matrices permutation_of(const Steps& steps, const torch::TensorOptions& options) {
  switch (steps.front()->permutation->kind()) {
    case PermutationKind::kConv1x1: {
      const auto weight = stack(steps, [](const auto& step) { return step.permutation->weight; });
      return {weight, ops::log_abs_det(weight)};
    }
    case PermutationKind::kLU:
      return lu_matrices(steps);
    case PermutationKind::kReverse:
    case PermutationKind::kShuffle:
      break;
  }
  const auto count = static_cast<std::int64_t>(steps.size());
  return {permutation_matrices(steps, options), torch::zeros({count}, options.requires_grad(false))};
}

/// Every tensor of the map with an axis [K] in front.
ops::ChannelMap fold_maps(const Steps& steps) {
  if (!steps.front()->actnorm) {
    const auto options = steps.front()->coupling->net->conv1->weight.options().requires_grad(false);
    const auto [matrix, log_abs_det] = permutation_of(steps, options);
    return {matrix, torch::zeros({matrix.size(0), matrix.size(1)}, options), log_abs_det};
  }
  const auto bias = stack(steps, [](const auto& step) { return step.actnorm->bias; });
  const auto log_scale = stack(steps, [](const auto& step) { return step.actnorm->log_scale; });
  const auto scale = scale_of(log_scale);
  const auto [matrix, log_abs_det] = permutation_of(steps, bias.options());
  return {matrix * scale.unsqueeze(1), matrix.matmul((bias * scale).unsqueeze(2)).squeeze(2),
          log_abs_det + log_scale.sum(1) * kLogScaleFactor};
}

/// The scales of a layer of the coupling networks, one [O] a step.
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

std::vector<ops::ChannelMap> invert_each(const std::vector<ops::ChannelMap>& maps) {
  std::vector<torch::Tensor> weights, biases, log_abs_dets;
  for (const auto& map : maps) {
    weights.push_back(map.weight);
    biases.push_back(map.bias);
    log_abs_dets.push_back(map.log_abs_det);
  }
  const auto inverses = ops::invert({at::stack(weights), at::stack(biases), at::stack(log_abs_dets)});
  std::vector<ops::ChannelMap> each;
  for (std::int64_t k = 0; k < inverses.weight.size(0); ++k) {
    each.push_back({inverses.weight[k], inverses.bias[k], inverses.log_abs_det[k]});
  }
  return each;
}

std::vector<FoldedStep> fold_steps(const std::vector<const FlowStepImpl*>& steps) {
  const auto maps = fold_maps(steps);
  const auto weights = maps.weight.unbind(), biases = maps.bias.unbind(), log_abs_dets = maps.log_abs_det.unbind();
  const auto nets = scaled_nets(steps);
  std::vector<FoldedStep> folded;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    folded.push_back({.map = {weights[k], biases[k], log_abs_dets[k]},
                      .inverse = {},
                      .kind = steps[k]->coupling->kind(),
                      .scaled_net = nets[k],
                      .net = {}});
  }
  return folded;
}

}  // namespace glow::nn
