#include <glow/ops/edge_padding.h>

#include <vector>

#include <ATen/ATen.h>

namespace glow::ops {

torch::Tensor edge_plane(std::int64_t height, std::int64_t width, const torch::TensorOptions& options) {
  return at::constant_pad_nd(torch::zeros({1, 1, height, width}, options), {1, 1, 1, 1}, 1.0);
}

torch::Tensor edge_bias(const torch::Tensor& weight, std::int64_t height, std::int64_t width) {
  // A product, not a convolution, which on CUDA might round to TF32.
  const auto plane = edge_plane(height, width, weight.options().requires_grad(false));
  std::vector<torch::Tensor> seen;
  for (std::int64_t tap = 0; tap < 9; ++tap) seen.push_back(plane.narrow(2, tap / 3, height).narrow(3, tap % 3, width));
  return weight.reshape({-1, 9}).mm(at::cat(seen).reshape({9, -1})).view({1, -1, height, width});
}

torch::Tensor pad_with_edge(const torch::Tensor& x, bool with_edge_plane) {
  auto padded = at::constant_pad_nd(x, {1, 1, 1, 1});
  if (with_edge_plane) {
    const auto plane = edge_plane(x.size(2), x.size(3), x.options());
    padded = at::cat({padded, plane.expand({x.size(0), -1, -1, -1})}, 1);
  }
  return padded.contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace glow::ops
