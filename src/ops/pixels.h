#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ATen/Parallel.h>
#include <c10/macros/Macros.h>
#include <torch/types.h>

namespace glow::ops {

/// Whether autograd records operations on x.
inline bool records_graph(const torch::Tensor& x) { return torch::GradMode::is_enabled() && x.requires_grad(); }

/// Whether the channels of a pixel are adjacent in memory: x is channels_last, or a range of channels of such a tensor.
inline bool has_neighbouring_channels(const torch::Tensor& x) { return x.size(1) == 1 || x.stride(1) == 1; }

/// Raw access to the pixels of x [N, C, H, W], whose channels are adjacent in memory, for loops and kernels.
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

/// The coordinates of the number at `index` in the memory of a channels_last tensor [N, channels, height, width]:
/// index = ((image * height + row) * width + column) * channels + channel.
struct PixelIndex {
  C10_HOST_DEVICE PixelIndex(std::uint32_t index, std::int64_t channel_count, std::int64_t row_count,
                             std::int64_t column_count) {
    const auto channels = static_cast<std::uint32_t>(channel_count), height = static_cast<std::uint32_t>(row_count),
               width = static_cast<std::uint32_t>(column_count);
    const auto pixel = index / channels, row_of_all = pixel / width;
    channel = static_cast<int>(index % channels);
    column = static_cast<int>(pixel % width);
    row = static_cast<int>(row_of_all % height);
    image = static_cast<int>(row_of_all / height);
  }
  int image, row, column, channel;
};

/// Calls visit(image, y) for every row of pixels of x [N, C, H, W], on all threads. `work`: the approximate number of
/// values that a call reads and writes.
template <class Visit>
void for_each_row(const torch::Tensor& x, std::int64_t work, Visit&& visit) {
  constexpr std::int64_t kMinimumWorkPerThread = 1 << 15;
  const auto height = x.size(2);
  const auto grain = std::max<std::int64_t>(1, kMinimumWorkPerThread / std::max<std::int64_t>(1, work));
  at::parallel_for(0, x.size(0) * height, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) visit(row / height, row % height);
  });
}

}  // namespace glow::ops
