#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "compat/block_product.h"
#include "ops/scratch.h"
#include "ops/views.h"

namespace glow::ops::cpu {

// Parts of the loops that compute images block of pixels by block, each block by one thread (network_blocks.h).

/// Pixels of a block. Does not depend on the number of threads: sums over blocks must not.
inline std::int64_t pixels_of_block(std::int64_t pixels) {
  constexpr std::int64_t kLargest = 64, kSmallest = 8, kBlocks = 8;
  return std::clamp((pixels / kBlocks + kSmallest - 1) / kSmallest * kSmallest, kSmallest, kLargest);
}

/// A block of a matrix: rows are `stride` numbers apart.
template <class T>
struct Block {
  T* data;
  std::int64_t stride;
};

template <class T>
Block<const T> constant(Block<T> block) {
  return {block.data, block.stride};
}

/// Calls run(block, first, count) for the blocks of so many pixels, on all threads; H: of the products in it.
template <class H, class Run>
void for_each_block(std::int64_t pixels, Run&& run) {
  const auto size = pixels_of_block(pixels), blocks = (pixels + size - 1) / size;
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    const compat::BlockProducts<H> products;
    for (auto block = begin; block < end; ++block) run(block, block * size, std::min(size, pixels - block * size));
  });
}

inline std::int64_t pixels_of(const torch::Tensor& images) { return images.size(0) * images.size(2) * images.size(3); }

/// [N, channels, H, W], channels_last, of the images and the size of z.
inline torch::Tensor empty_images(const torch::Tensor& z, std::int64_t channels, torch::Dtype dtype) {
  return empty_on_cpu({z.size(0), channels, z.size(2), z.size(3)}, dtype, at::MemoryFormat::ChannelsLast);
}

/// The sum of the rows of x, each from column `begin` on, as a tensor of these sizes.
inline torch::Tensor sum_of_rows(const torch::Tensor& x, std::int64_t begin, at::IntArrayRef sizes) {
  const torch::Tensor sum = empty_on_cpu(sizes, torch::kFloat);
  const auto rows = x.size(0), stride = x.size(1), count = sum.numel();
  float* to = sum.data_ptr<float>();
  const float* from = x.data_ptr<float>() + begin;
  constexpr std::int64_t kNumbersOfTask = 1 << 15;
  at::parallel_for(0, count, std::max<std::int64_t>(kNumbersOfTask / rows, 1),
                   [&](std::int64_t first, std::int64_t last) {
                     std::copy(from + first, from + last, to + first);
                     for (std::int64_t row = 1; row < rows; ++row) {
                       for (auto i = first; i < last; ++i) to[i] += from[row * stride + i];
                     }
                   });
  return sum;
}

}  // namespace glow::ops::cpu
