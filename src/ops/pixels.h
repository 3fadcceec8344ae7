#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ATen/Parallel.h>
#include <c10/macros/Macros.h>
#include <torch/types.h>

namespace glow::ops {

/// Whether what is computed of x goes into a graph.
inline bool records_graph(const torch::Tensor& x) { return torch::GradMode::is_enabled() && x.requires_grad(); }

/// Whether every pixel's channels are neighbours in memory: channels_last, or some channels of such a tensor.
inline bool has_neighbouring_channels(const torch::Tensor& x) { return x.size(1) == 1 || x.stride(1) == 1; }

/// Raw access to x [N, C, H, W], pixel by pixel, for loops and kernels that may touch nothing else.
template <class T>
struct Pixels {
  explicit Pixels(const torch::Tensor& x)
      : data(x.data_ptr<std::remove_const_t<T>>()),
        channels(x.size(1)),
        height(x.size(2)),
        width(x.size(3)),
        image_stride(x.stride(0)),
        row_stride(x.stride(2)),
        pixel_stride(x.stride(3)) {}

  /// The channels of a pixel.
  C10_HOST_DEVICE T* at(std::int64_t image, std::int64_t y, std::int64_t x) const {
    return data + image * image_stride + y * row_stride + x * pixel_stride;
  }
  C10_HOST_DEVICE bool contains(std::int64_t y, std::int64_t x) const {
    return y >= 0 && y < height && x >= 0 && x < width;
  }

  T* data;
  std::int64_t channels, height, width;
  std::int64_t image_stride, row_stride, pixel_stride;
};

/// Calls visit(image, y) for every row of pixels of x [N, C, H, W], on all threads. `work`: how many numbers a row
/// touches, about.
template <class Visit>
void for_each_row(const torch::Tensor& x, std::int64_t work, Visit&& visit) {
  constexpr std::int64_t kNumbersWorthAThread = 1 << 15;
  const auto height = x.size(2);
  const auto grain = std::max<std::int64_t>(1, kNumbersWorthAThread / std::max<std::int64_t>(1, work));
  at::parallel_for(0, x.size(0) * height, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) visit(row / height, row % height);
  });
}

}  // namespace glow::ops
