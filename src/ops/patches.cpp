#include "ops/patches.h"

#include <vector>

#include <ATen/ATen.h>

#include "ops/check.h"
#include "ops/pixels.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

bool has_kernels(const torch::Tensor& x) { return x.is_cpu() || x.is_cuda(); }

/// x itself if the kernels support its layout, else a channels_last copy.
torch::Tensor with_neighbouring_channels(const torch::Tensor& x) {
  return has_neighbouring_channels(x) ? x : x.contiguous(at::MemoryFormat::ChannelsLast);
}

/// The sum over taps of patches[n, tap*P + c, y - dy + 1, x - dx + 1], of the first `channels` of P planes, by
/// operators.
torch::Tensor sum_of_shifted_parts(const torch::Tensor& patches, std::int64_t channels) {
  const auto planes = patches.size(1) / 9, height = patches.size(2), width = patches.size(3);
  torch::Tensor sum;
  for (std::int64_t tap = 0; tap < 9; ++tap) {
    // Shifted by (dy - 1, dx - 1) on a canvas with a ring of one pixel around the image.
    const auto dy = tap / 3, dx = tap % 3;
    const auto part = patches.narrow(1, tap * planes, channels);
    const auto moved = at::constant_pad_nd(part, {dx, 2 - dx, dy, 2 - dy});
    sum = sum.defined() ? sum + moved : moved;
  }
  return sum.narrow(2, 1, height).narrow(3, 1, width);
}

}  // namespace

torch::Tensor edge_plane(std::int64_t height, std::int64_t width, const torch::TensorOptions& options) {
  return at::constant_pad_nd(torch::zeros({1, 1, height, width}, options), {1, 1, 1, 1}, 1.0);
}

torch::Tensor edge_bias(const torch::Tensor& weight, std::int64_t height, std::int64_t width) {
  // A matrix product, because a convolution on CUDA may round to TF32.
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

torch::Tensor extract_patches(const torch::Tensor& x, bool with_edge_plane, c10::optional<torch::Dtype> dtype,
                              std::int64_t channels) {
  check_shape(x.dim() == 4, "extract_patches: expected [N, C, H, W]", x);
  const auto planes = x.size(1) + (with_edge_plane ? 1 : 0), fill = channels > 0 ? channels - 9 * planes : 0;
  check_shape(fill >= 0 && fill < 9, "extract_patches: expected 0 or 9P to 9P + 8 channels of the result", x);
  if (has_kernels(x) && !records_graph(x)) {
    auto patches = at::empty({x.size(0), 9 * planes + fill, x.size(2), x.size(3)},
                             x.options().dtype(dtype.value_or(x.scalar_type())), at::MemoryFormat::ChannelsLast);
    const auto extract = x.is_cuda() ? cuda::extract_patches : cpu::extract_patches;
    extract(with_neighbouring_channels(x), with_edge_plane, patches);
    return patches;
  }
  const auto padded = pad_with_edge(x, with_edge_plane);
  std::vector<torch::Tensor> taps;
  for (std::int64_t tap = 0; tap < 9; ++tap)
    taps.push_back(padded.narrow(2, tap / 3, x.size(2)).narrow(3, tap % 3, x.size(3)));
  if (fill > 0) taps.push_back(torch::zeros({x.size(0), fill, x.size(2), x.size(3)}, x.options().requires_grad(false)));
  return at::cat(taps, 1).to(dtype.value_or(x.scalar_type()));
}

torch::Tensor sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside) {
  check_shape(patches.dim() == 4 && patches.size(1) >= 9, "sum_patches: expected [N, 9C, H, W]", patches);
  const auto channels = patches.size(1) / 9, height = patches.size(2), width = patches.size(3);
  check_shape(bias.dim() == 1 && bias.size(0) == channels, "sum_patches: expected a bias [C]", bias);
  check_shape(outside.sizes() == torch::IntArrayRef({9, channels}), "sum_patches: expected outside [9, C]", outside);
  if (has_kernels(patches) && !records_graph(patches) && !records_graph(bias) && !records_graph(outside)) {
    const std::int64_t sizes[] = {patches.size(0), channels, height, width};
    auto sum = patches.is_cpu() ? empty_on_cpu(sizes, bias.scalar_type(), at::MemoryFormat::ChannelsLast)
                                : at::empty(sizes, bias.options(), at::MemoryFormat::ChannelsLast);
    const auto compute = patches.is_cuda() ? cuda::sum_patches : cpu::sum_patches;
    compute(with_neighbouring_channels(patches), bias.contiguous(), outside.contiguous(), sum);
    return sum;
  }
  const auto of_outside = outside.t().matmul(outside_mask(height, width, outside.options()));
  const auto map = (of_outside + bias.unsqueeze(1)).view({1, channels, height, width});
  return sum_of_shifted_parts(patches.to(bias.scalar_type()), channels) + map;
}

torch::Tensor outside_mask(std::int64_t height, std::int64_t width, const torch::TensorOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto inside = sum_of_shifted_parts(at::eye(9, options).view({9, 9, 1, 1}).expand({9, 9, height, width}), 1);
  return 1 - inside.reshape({9, height * width});
}

void add_patches_(torch::Tensor sum, const torch::Tensor& patches) {
  check_shape(patches.dim() == 4 && patches.size(1) / 9 >= sum.size(1) && patches.size(0) == sum.size(0) &&
                  patches.sizes().slice(2) == sum.sizes().slice(2),
              "add_patches: expected [N, 9P, H, W]", patches);
  const torch::NoGradGuard no_grad;
  if (has_kernels(sum) && has_neighbouring_channels(sum)) {
    const auto add = sum.is_cuda() ? cuda::add_patches : cpu::add_patches;
    add(sum, with_neighbouring_channels(patches));
  } else {
    sum.add_(sum_of_shifted_parts(patches.to(sum.scalar_type()), sum.size(1)));
  }
}

}  // namespace glow::ops
