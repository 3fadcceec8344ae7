#include <glow/ops/channel_map.h>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "ops/pixel_product.h"

namespace glow::ops {

ChannelMap invert(const ChannelMap& map) {
  // Small matrices: the CPU's LAPACK is faster than a device's, and its errors are not asynchronous.
  const auto weight = map.weight.to(torch::kCPU, torch::kDouble);
  auto [inverse, info] = at::linalg_inv_ex(weight);
  if (info.ne(0).any().item<bool>() || !inverse.isfinite().all().item<bool>()) {
    throw NumericalError("cannot invert a channel map: its matrix is singular or not finite");
  }
  const auto bias = inverse.matmul(map.bias.to(torch::kCPU, torch::kDouble).unsqueeze(-1)).squeeze(-1).neg();
  return {inverse.to(map.weight.options()), bias.to(map.bias.options()), -map.log_abs_det};
}

torch::Tensor apply(const ChannelMap& map, const torch::Tensor& x) { return pixel_product(x, map.weight, map.bias); }

torch::Tensor log_abs_det(const torch::Tensor& weight) {
  return std::get<1>(at::linalg_slogdet(weight.to(torch::kDouble))).to(weight.scalar_type());
}

}  // namespace glow::ops
