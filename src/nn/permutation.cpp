#include "nn/permutation.h"

#include <ATen/ATen.h>

namespace glow::nn {
namespace {

using Permutations = std::vector<const PermutationImpl*>;

/// [K, ...]: one of the buffers of each permutation.
torch::Tensor stack(const Permutations& permutations, torch::Tensor PermutationImpl::*member) {
  std::vector<torch::Tensor> tensors;
  for (const auto* permutation : permutations) tensors.push_back(permutation->*member);
  return at::stack(tensors);
}

/// [K, C, C]: row i is one-hot at indices[i].
torch::Tensor fixed_matrices(const Permutations& permutations, const torch::TensorOptions& options) {
  const auto indices = stack(permutations, &PermutationImpl::indices);
  return at::one_hot(indices, indices.size(1)).to(options);
}

/// P (L + I) (U + diag(sign * exp(log_diagonal))), and the sum of log_diagonal.
PermutationImpl::Matrices lu_matrices(const Permutations& permutations, const PermutationImpl::StackOf& parameters) {
  const auto& first = *permutations.front();
  const auto lower = parameters(first.lower), upper = parameters(first.upper);
  const auto log_diagonal = parameters(first.log_diagonal);
  const auto sign = stack(permutations, &PermutationImpl::sign_diagonal);
  const auto l = lower.tril(-1) + torch::eye(lower.size(1), lower.options().requires_grad(false));
  const auto u = upper.triu(1) + (sign * log_diagonal.exp()).diag_embed();
  return {fixed_matrices(permutations, lower.options()).matmul(l).matmul(u), log_diagonal.sum(1)};
}

}  // namespace

PermutationImpl::PermutationImpl(PermutationKind kind, std::int64_t channels) : kind_(kind), channels_(channels) {
  reset();
}

void PermutationImpl::reset() {
  if (kind_ == PermutationKind::kConv1x1) {
    weight = register_parameter("weight", torch::eye(channels_));
    return;
  }
  if (kind_ == PermutationKind::kLU) {
    lower = register_parameter("lower", torch::zeros({channels_, channels_}));
    upper = register_parameter("upper", torch::zeros({channels_, channels_}));
    log_diagonal = register_parameter("log_diagonal", torch::zeros(channels_));
    sign_diagonal = register_buffer("sign_diagonal", torch::ones(channels_));
  }
  auto order = torch::arange(channels_, torch::kLong);
  if (kind_ == PermutationKind::kReverse) order = order.flip(0);
  indices = register_buffer("indices", order);
}

void PermutationImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::Permutation(" << to_string(kind_) << ", " << channels_ << ")";
}

void PermutationImpl::draw(WeightSource& source) {
  const torch::NoGradGuard no_grad;
  if (kind_ == PermutationKind::kShuffle) indices.copy_(source.permutation(channels_));
  if (kind_ == PermutationKind::kConv1x1) weight.copy_(source.rotation(channels_));
  if (kind_ == PermutationKind::kLU) draw_lu(source);
}

void PermutationImpl::draw_lu(WeightSource& source) {
  const auto [p, l, u] = at::linalg_lu(source.rotation(channels_));
  const auto diagonal = u.diagonal();
  indices.copy_(p.argmax(1));
  lower.copy_(l.tril(-1));
  upper.copy_(u.triu(1));
  sign_diagonal.copy_(diagonal.sign());
  log_diagonal.copy_(diagonal.abs().log());
}

void PermutationImpl::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  Module::to(device, non_blocking);
  to(dtype, non_blocking);
}

void PermutationImpl::to(torch::Dtype dtype, bool non_blocking) {
  const auto integers = indices.defined() ? indices.detach() : indices;
  Module::to(dtype, non_blocking);
  if (integers.defined()) indices.set_data(integers);
}

PermutationImpl::Matrices PermutationImpl::stacked(const Permutations& permutations, const StackOf& parameters,
                                                   const torch::TensorOptions& options) {
  switch (permutations.front()->kind()) {
    case PermutationKind::kConv1x1: {
      const auto weight = parameters(permutations.front()->weight);
      return {weight, ops::log_abs_det(weight)};
    }
    case PermutationKind::kLU:
      return lu_matrices(permutations, parameters);
    case PermutationKind::kReverse:
    case PermutationKind::kShuffle:
      break;
  }
  const auto count = static_cast<std::int64_t>(permutations.size());
  return {fixed_matrices(permutations, options), torch::zeros({count}, options.requires_grad(false))};
}

}  // namespace glow::nn
