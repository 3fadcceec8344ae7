#include <glow/ops/channel_map.h>

#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "ops/pixel_product.h"

namespace glow::ops {
namespace {

/// Whether to give LAPACK a stack at once. LibTorch 2.11's LU of a stack is wrong on several threads from 192 channels
/// on (rotations of a determinant of e^-256); up to 128 it is right, and it is small matrices that gain by it.
bool at_once(const torch::Tensor& stack) {
  constexpr std::int64_t kLargest = 64;
  return stack.dim() == 2 || stack.is_cuda() || stack.size(-1) <= kLargest;
}

torch::Tensor log_abs_det_in_double(const torch::Tensor& weight) {
  if (at_once(weight)) return std::get<1>(at::linalg_slogdet(weight));
  std::vector<torch::Tensor> each;
  for (const auto& matrix : weight.unbind()) each.push_back(log_abs_det_in_double(matrix));
  return at::stack(each);
}

torch::Tensor inverse_in_double(const torch::Tensor& weight) {
  if (!at_once(weight)) {
    std::vector<torch::Tensor> each;
    for (const auto& matrix : weight.unbind()) each.push_back(inverse_in_double(matrix));
    return at::stack(each);
  }
  auto [inverse, info] = at::linalg_inv_ex(weight);
  if (info.ne(0).any().item<bool>() || !inverse.isfinite().all().item<bool>()) {
    throw NumericalError("cannot invert a channel map: its matrix is singular or not finite");
  }
  return inverse;
}

}  // namespace

ChannelMap invert(const ChannelMap& map) {
  // Small matrices: the CPU's LAPACK is faster than a device's, and its errors are not asynchronous.
  const auto inverse = inverse_in_double(map.weight.to(torch::kCPU, torch::kDouble));
  const auto bias = inverse.matmul(map.bias.to(torch::kCPU, torch::kDouble).unsqueeze(-1)).squeeze(-1).neg();
  return {inverse.to(map.weight.options()), bias.to(map.bias.options()), -map.log_abs_det};
}

torch::Tensor apply(const ChannelMap& map, const torch::Tensor& x) { return pixel_product(x, map.weight, map.bias); }

torch::Tensor log_abs_det(const torch::Tensor& weight) {
  return log_abs_det_in_double(weight.to(torch::kDouble)).to(weight.scalar_type());
}

}  // namespace glow::ops
