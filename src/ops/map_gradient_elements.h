#pragma once

#include <cstdint>
#include <type_traits>

#include <c10/macros/Macros.h>
#include <torch/types.h>

namespace glow::ops {

/// The work of a block of a GPU for the gradients of a narrow map y = W x + b at every pixel: for a part of the pixels,
///   sum over pixels p of dY[p, o] (x[p, :], 1)[i],  o < outputs, i <= inputs,
/// whose last column is the gradient of b. Stores them in sums [parts, outputs, inputs + 1]. The pixels are processed
/// in tiles, which the block copies to memory that it shares: all threads `load` a tile, then all `add` it to their
/// Sums, kSums for each thread. The order of the additions is fixed.
template <class T, int kSums>
struct MapGradient {
  static constexpr std::uint32_t kThreads = 256, kMostChannels = 48, kTilePixels = 32;
  /// Of a tile: the gradients [pixels, outputs], x [pixels, inputs], and a 1.
  static constexpr std::uint32_t kTile = kTilePixels * 2 * kMostChannels + 1;

  /// gradient [N, outputs, H, W] and x [N, inputs, H, W], both channels_last. `processors`: of the GPU.
  MapGradient(const torch::Tensor& gradient, const torch::Tensor& x, std::int64_t processors)
      : gradient_(gradient.data_ptr<T>()),
        x_(x.data_ptr<T>()),
        pixels_(static_cast<std::uint32_t>(x.numel() / x.size(1))),
        outputs_(static_cast<std::uint32_t>(gradient.size(1))),
        inputs_(static_cast<std::uint32_t>(x.size(1))) {
    // Several blocks a processor hide the latency of memory; more of them would only leave more sums to add.
    constexpr std::int64_t kBlocksPerProcessor = 4;
    const auto tiles = (x.numel() / x.size(1) + kTilePixels - 1) / kTilePixels;
    const auto tiles_of_each = (tiles + kBlocksPerProcessor * processors - 1) / (kBlocksPerProcessor * processors);
    part_ = static_cast<std::uint32_t>(tiles_of_each) * kTilePixels;
    parts = (tiles + tiles_of_each - 1) / tiles_of_each;
  }

  struct Sums {
    C10_HOST_DEVICE Sums(const MapGradient& of, std::uint32_t thread) : outputs(of.outputs_) {
      const auto columns = of.inputs_ + 1;
      for (int n = 0; n < kSums; ++n) {
        // Threads without a sum of their own compute the last one, too, and do not store it.
        const auto index = thread + static_cast<std::uint32_t>(n) * kThreads, last = of.outputs_ * columns - 1;
        const auto output = (index < last ? index : last) / columns, input = (index < last ? index : last) % columns;
        of_gradient[n] = output;
        of_x[n] = input < of.inputs_ ? kTilePixels * kMostChannels + input : kTile - 1;
        step[n] = input < of.inputs_ ? of.inputs_ : 0;
        values[n] = 0;
      }
    }

    /// Adds the first `count` pixels of a tile.
    C10_HOST_DEVICE void add(const T* tile, std::uint32_t count) {
      for (std::uint32_t p = 0; p < count; ++p) {
        for (int n = 0; n < kSums; ++n) {
          values[n] += tile[of_gradient[n] + p * outputs] * tile[of_x[n] + p * step[n]];
        }
      }
    }

    /// Where the factors of each sum begin in a tile, and the distance of pixels.
    std::uint32_t of_gradient[kSums], of_x[kSums], step[kSums];
    std::uint32_t outputs;
    T values[kSums];
  };

  /// The pixels of a part: from begin to end.
  C10_HOST_DEVICE std::uint32_t begin(std::uint32_t part) const { return part * part_; }
  C10_HOST_DEVICE std::uint32_t end(std::uint32_t part) const {
    return begin(part) + part_ < pixels_ ? begin(part) + part_ : pixels_;
  }

  /// A thread's share of copying the tile of `count` pixels from `first` on.
  C10_HOST_DEVICE void load(std::uint32_t first, std::uint32_t count, std::uint32_t thread, T* tile) const {
    copy(gradient_ + std::size_t{first} * outputs_, count * outputs_, thread, tile);
    copy(x_ + std::size_t{first} * inputs_, count * inputs_, thread, tile + kTilePixels * kMostChannels);
    if (thread == 0) tile[kTile - 1] = 1;
  }

  C10_HOST_DEVICE void store(std::uint32_t part, std::uint32_t thread, const Sums& of_thread, T* sums) const {
    const auto count = outputs_ * (inputs_ + 1);
    for (int n = 0; n < kSums; ++n) {
      const auto index = thread + static_cast<std::uint32_t>(n) * kThreads;
      if (index < count) sums[std::size_t{part} * count + index] = of_thread.values[n];
    }
  }

  std::int64_t parts;

 private:
  C10_HOST_DEVICE static void copy(const T* from, std::uint32_t count, std::uint32_t thread, T* to) {
    for (auto i = thread; i < count; i += kThreads) to[i] = from[i];
  }

  const T* gradient_;
  const T* x_;
  std::uint32_t pixels_, outputs_, inputs_, part_;
};

/// Calls run(std::integral_constant<int, kSums>()) with enough sums of a thread for a map of this size.
template <class Run>
void dispatch_map_gradient(std::int64_t outputs, std::int64_t inputs, Run&& run) {
  const auto count = outputs * (inputs + 1);
  if (count <= 256) {  // 12 channels
    run(std::integral_constant<int, 1>());
  } else if (count <= 3 * 256) {  // 24 channels
    run(std::integral_constant<int, 3>());
  } else {  // 48 channels
    run(std::integral_constant<int, 10>());
  }
}

}  // namespace glow::ops
