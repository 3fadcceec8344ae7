#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "compat/block_product.h"
#include "ops/pixel_blocks.h"
#include "ops/transpose.h"
#include "ops/views.h"

namespace glow::ops::cpu {

/// The rows of all pixels as a factor of product_over_pixels, [P, columns]; for bfloat16 with pairs of rows
/// interleaved, [P/2, columns, 2], the last one with zeros if P is odd.
template <class H>
class PixelRows {
 public:
  static constexpr bool kInPairs = std::is_same_v<H, c10::BFloat16>;

  PixelRows(std::int64_t pixels, std::int64_t columns, torch::Dtype dtype)
      : memory_(rows_memory(pixels, columns, dtype)), pixels_(pixels), columns_(columns) {}

  /// Rows that are stored already, unless they are in pairs: images [N, columns, H, W], channels_last.
  explicit PixelRows(const torch::Tensor& images)
      : memory_(kInPairs ? rows_memory(pixels_of(images), images.size(1), images.scalar_type()) : rows_view(images)),
        pixels_(pixels_of(images)),
        columns_(images.size(1)) {}

  std::int64_t columns() const { return columns_; }
  std::int64_t pixels() const { return pixels_; }
  /// From pixel `first` on, which is even.
  H* at(std::int64_t first) const { return memory_.data_ptr<H>() + first * columns_; }

  /// Where the rows of a block from pixel `first` on are computed: in place, or in the thread's memory.
  Block<H> workspace(std::int64_t use, std::int64_t first, std::int64_t count) const {
    return {kInPairs ? scratch<H>(use, count * columns_) : at(first), columns_};
  }
  /// Stores the rows of a block.
  void store(Block<const H> rows, std::int64_t first, std::int64_t count) const {
    if constexpr (kInPairs) {
      for (std::int64_t row = 0; row < count; row += 2) {
        const H* one = rows.data + row * rows.stride;
        if (row + 1 < count) {
          interleave(one, one + rows.stride, columns_, at(first + row));
        } else {
          const std::vector<H> zeros(static_cast<std::size_t>(columns_), H(0));
          interleave(one, zeros.data(), columns_, at(first + row));
        }
      }
    } else {
      if (rows.data == at(first)) return;
      for (std::int64_t row = 0; row < count; ++row) {
        std::copy_n(rows.data + row * rows.stride, columns_, at(first + row));
      }
    }
  }

 private:
  static torch::Tensor rows_memory(std::int64_t pixels, std::int64_t columns, torch::Dtype dtype) {
    return empty_on_cpu({pixels + pixels % 2, columns}, dtype);
  }

  torch::Tensor memory_;
  std::int64_t pixels_, columns_;
};

/// dY^T X over all pixels: dY [P, O], X [P, I] -> float32 [O, I].
template <class H>
torch::Tensor product_over_pixels(const PixelRows<H>& gradient, const PixelRows<H>& x) {
  const auto outputs = gradient.columns(), inputs = x.columns();
  const auto pixels = x.pixels() + (PixelRows<H>::kInPairs ? x.pixels() % 2 : 0);
  const torch::Tensor result = empty_on_cpu({outputs, inputs}, torch::kFloat);
  constexpr std::int64_t kPixels = 256, kRows = 64, kPair = PixelRows<H>::kInPairs ? 2 : 1;
  float* to = result.data_ptr<float>();
  at::parallel_for(0, (outputs + kRows - 1) / kRows, 1, [&](std::int64_t begin, std::int64_t end) {
    const compat::BlockProducts<H> products;
    H* transposed = scratch<H>(0, kRows * kPixels);
    for (auto task = begin; task < end; ++task) {
      const auto row = task * kRows, rows = std::min(kRows, outputs - row);
      for (std::int64_t first = 0; first < pixels; first += kPixels) {
        const auto count = std::min(kPixels, pixels - first);
        transpose(gradient.at(first) + row * kPair, outputs, count / kPair, rows, transposed, kPixels / kPair);
        compat::block_product(rows, inputs, count, transposed, kPixels, x.at(first), inputs, to + row * inputs, inputs,
                              /*add=*/first > 0);
      }
    }
  });
  return result;
}

/// The hidden rows that the forward pass kept, [N, width, H, W], as a factor of product_over_pixels.
template <class H>
class KeptRows {
 public:
  explicit KeptRows(const torch::Tensor& kept) : kept_(kept), rows_(kept) {}

  Block<const H> block(std::int64_t first) const {
    const auto columns = rows_.columns();
    return {kept_.data_ptr<H>() + first * columns, columns};
  }
  void store(std::int64_t first, std::int64_t count) const { rows_.store(block(first), first, count); }
  const PixelRows<H>& rows() const { return rows_; }

 private:
  const torch::Tensor& kept_;
  PixelRows<H> rows_;
};

}  // namespace glow::ops::cpu
