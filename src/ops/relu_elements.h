#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/OpMathType.h>
#include <c10/macros/Macros.h>

#include "ops/packed.h"

namespace glow::ops {

/// How relu_backward_ (pixel_product.h) is divided among blocks of `threads` threads on a GPU. Block (x, part) has
/// `lanes` packs of neighbouring channels, a thread each, and `rows` pixels of its part at a time.
struct ReluBackwardGrid {
  /// `packs`: of channels of a pixel. `processors`: of the GPU.
  ReluBackwardGrid(std::int64_t pixels, std::int64_t packs, std::int64_t threads, std::int64_t processors) {
    constexpr std::int64_t kMostLanes = 32;
    lanes = 1;
    while (lanes < kMostLanes && lanes < packs) lanes *= 2;
    rows = static_cast<std::uint32_t>(threads) / lanes;
    blocks = (packs + lanes - 1) / lanes;
    // Several blocks a processor hide the latency of memory; more of them would only leave more sums to add.
    constexpr std::int64_t kBlocksPerProcessor = 4, kFewestPixels = 16, kMostPixels = 512;
    const auto wanted = std::max<std::int64_t>(1, kBlocksPerProcessor * processors / blocks);
    part = static_cast<std::uint32_t>(std::clamp((pixels + wanted - 1) / wanted, kFewestPixels, kMostPixels));
    parts = (pixels + part - 1) / part;
  }

  std::uint32_t lanes, rows;
  /// Pixels of a part.
  std::uint32_t part;
  std::int64_t blocks, parts;
};

/// The work of a block of relu_backward_: sets the gradients of a part of the pixels to 0 where y is 0, and stores
/// their sums over the part in sums [parts, channels]. First each thread calls `mask`, then, when all have done so,
/// `finish`. The order of the sums is fixed. A thread processes kCount neighbouring channels.
template <class T, int kCount>
struct ReluBackward {
  using Sum = at::opmath_type<T>;

  T* gradient;
  const T* y;
  std::uint32_t pixels, channels;
  ReluBackwardGrid grid;
  Sum* sums;

  /// Stores the sums over a thread's pixels in `thread_sums` [rows, lanes, kCount], which the block shares.
  C10_HOST_DEVICE void mask(std::uint32_t block, std::uint32_t part, std::uint32_t thread, Sum* thread_sums) const {
    const auto channel = (block * grid.lanes + thread % grid.lanes) * kCount, begin = part * grid.part;
    const auto end = begin + grid.part < pixels ? begin + grid.part : pixels;
    Sum sum[kCount] = {};
    // Several pixels at a time, as many as there are registers for, so that all their loads are on the way together.
    constexpr int kPixels = kCount > 4 ? 2 : 4;
    for (auto first = begin + thread / grid.lanes; channel < channels && first < end; first += kPixels * grid.rows) {
      Packed<T, kCount> values[kPixels], gradients[kPixels];
      for (int i = 0; i < kPixels; ++i) {
        const auto pixel = first + static_cast<std::uint32_t>(i) * grid.rows;
        if (pixel >= end) continue;
        values[i] = load<kCount>(y + at(pixel, channel));
        gradients[i] = load<kCount>(gradient + at(pixel, channel));
      }
      for (int i = 0; i < kPixels; ++i) {
        const auto pixel = first + static_cast<std::uint32_t>(i) * grid.rows;
        if (pixel >= end) continue;
        for (int n = 0; n < kCount; ++n) {
          T& value = gradients[i].values[n];
          if (static_cast<Sum>(values[i].values[n]) <= 0) value = T(0);
          sum[n] += static_cast<Sum>(value);
        }
        store(gradient + at(pixel, channel), gradients[i]);
      }
    }
    for (int n = 0; n < kCount; ++n) thread_sums[thread * kCount + static_cast<std::uint32_t>(n)] = sum[n];
  }

  /// Adds the sums of a channel.
  C10_HOST_DEVICE void finish(std::uint32_t block, std::uint32_t part, std::uint32_t thread,
                              const Sum* thread_sums) const {
    const auto width = grid.lanes * kCount, channel = block * width + thread;
    if (thread >= width || channel >= channels) return;
    Sum sum = 0;
    for (std::uint32_t row = 0; row < grid.rows; ++row) sum += thread_sums[row * width + thread];
    sums[std::size_t{part} * channels + channel] = sum;
  }

 private:
  C10_HOST_DEVICE std::size_t at(std::uint32_t pixel, std::uint32_t channel) const {
    return std::size_t{pixel} * channels + channel;
  }
};

}  // namespace glow::ops
