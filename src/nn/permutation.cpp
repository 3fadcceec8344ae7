#include <glow/nn/permutation.h>

#include <ATen/ATen.h>

namespace glow::nn {

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

torch::Tensor PermutationImpl::lu_product() const {
  const auto identity = torch::eye(channels_, sign_diagonal.options());
  const auto p = identity.index_select(0, indices);
  const auto u = upper.triu(1) + (sign_diagonal * log_diagonal.exp()).diag();
  return p.matmul(lower.tril(-1) + identity).matmul(u);
}

ops::ChannelMap PermutationImpl::after(const ops::ChannelMap& first) const {
  const auto composed = [&](const torch::Tensor& matrix, const torch::Tensor& log_abs_det) {
    return ops::ChannelMap{matrix.matmul(first.weight), matrix.mv(first.bias), first.log_abs_det + log_abs_det};
  };
  switch (kind_) {
    case PermutationKind::kConv1x1:
      return composed(weight, ops::log_abs_det(weight));
    case PermutationKind::kLU:
      return composed(lu_product(), log_diagonal.sum());
    case PermutationKind::kReverse:
    case PermutationKind::kShuffle:
      break;
  }
  return {first.weight.index_select(0, indices), first.bias.index_select(0, indices), first.log_abs_det};
}

}  // namespace glow::nn
