#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "compat/block_product.h"
#include "ops/panels.h"
#include "ops/pixel_blocks.h"
#include "ops/transpose.h"
#include "ops/views.h"

namespace glow::ops::cpu {

// The factors of a product over all pixels, dY^T X: rows of pixels, which blocks of pixels (pixel_blocks.h) write in
// the order in which the product reads them. They are stored in chunks of several blocks. bfloat16 numbers are in pairs
// of pixels, and an odd number of pixels is filled up with zeros.

/// Where the rows of pixels lie in a factor.
template <class H>
class PixelChunks {
 public:
  explicit PixelChunks(std::int64_t pixels)
      : pixels_(kInPairs<H> ? pixels + pixels % 2 : pixels), size_(kBlocks * pixels_of_block(pixels)) {}

  /// Rows, with those that fill up.
  std::int64_t pixels() const { return pixels_; }
  std::int64_t size() const { return size_; }
  /// The first pixel of the chunk of pixel `pixel`, and the pixels of this chunk.
  std::int64_t begin(std::int64_t pixel) const { return pixel / size_ * size_; }
  std::int64_t count(std::int64_t pixel) const { return std::min(size_, pixels_ - begin(pixel)); }

 private:
  /// So many that 64 columns of a chunk are 64 KB.
  static constexpr std::int64_t kBlocks = 16 / sizeof(H);

  std::int64_t pixels_, size_;
};

template <class H>
torch::Tensor empty_pixel_factor(const PixelChunks<H>& chunks, std::int64_t columns) {
  return empty_on_cpu({chunks.pixels(), columns}, kInPairs<H> ? torch::kBFloat16 : torch::kFloat);
}

/// Calls use(even, odd) for pairs of rows of a block: pointers to their first numbers. The last `odd` of an odd number
/// of rows points to `columns` zeros.
template <class H, class Use>
void for_each_pair(Block<const H> rows, std::int64_t count, std::int64_t columns, Use&& use) {
  std::int64_t row = 0;
  for (; row + 1 < count; row += 2) use(rows.data + row * rows.stride, rows.data + (row + 1) * rows.stride);
  if (row == count) return;
  const std::vector<H> zeros(static_cast<std::size_t>(columns), H(0));
  use(rows.data + row * rows.stride, zeros.data());
}

/// X [P, columns]; every chunk is a right factor in panels (panels.h).
template <class H>
class RightPixelFactor {
 public:
  RightPixelFactor(std::int64_t pixels, std::int64_t columns)
      : chunks_(pixels), columns_(columns), memory_(empty_pixel_factor(chunks_, columns)) {}
  /// One that was stored before.
  RightPixelFactor(std::int64_t pixels, const torch::Tensor& memory)
      : chunks_(pixels), columns_(memory.size(1)), memory_(memory) {}

  const torch::Tensor& memory() const { return memory_; }
  const PixelChunks<H>& chunks() const { return chunks_; }
  std::int64_t columns() const { return columns_; }

  /// The part of a panel from pixel `first` on, which is even.
  Block<H> panel(std::int64_t first, std::int64_t column) const {
    const auto begin = chunks_.begin(first), width = panel_width<H>(columns_, column);
    return {
        memory_.data_ptr<H>() + begin * columns_ + panel_offset(chunks_.count(first), column) + (first - begin) * width,
        width};
  }
  /// Stores the rows of a block from pixel `first` on: one panel of them, or all.
  void store_panel(std::int64_t column, Block<const H> rows, std::int64_t first, std::int64_t count) const {
    const auto block = panel(first, column);
    auto* to = block.data;
    const auto width = block.stride;
    if constexpr (kInPairs<H>) {
      for_each_pair(rows, count, width, [&](const H* even, const H* odd) {
        interleave(even, odd, width, to);
        to += 2 * width;
      });
    } else {
      for (std::int64_t row = 0; row < count; ++row)
        std::copy_n(rows.data + row * rows.stride, width, to + row * width);
    }
  }
  void store(Block<const H> rows, std::int64_t first, std::int64_t count) const {
    for_each_panel<H>(columns_, [&](std::int64_t column, std::int64_t) {
      store_panel(column, {rows.data + column, rows.stride}, first, count);
    });
  }

 private:
  PixelChunks<H> chunks_;
  std::int64_t columns_;
  torch::Tensor memory_;
};

/// dY [P, columns]; every chunk is stored as its transpose, [columns, pixels of the chunk].
template <class H>
class LeftPixelFactor {
 public:
  LeftPixelFactor(std::int64_t pixels, std::int64_t columns)
      : chunks_(pixels), columns_(columns), memory_(empty_pixel_factor(chunks_, columns)) {}

  const PixelChunks<H>& chunks() const { return chunks_; }
  std::int64_t columns() const { return columns_; }

  /// Column `column` from pixel `first` on, and the distance of the next column.
  Block<H> column(std::int64_t first, std::int64_t column) const {
    const auto begin = chunks_.begin(first), stride = chunks_.count(first);
    return {memory_.data_ptr<H>() + begin * columns_ + column * stride + (first - begin), stride};
  }
  /// Stores the rows of a block from pixel `first` on. `use`: of the thread's memory (scratch).
  void store(Block<const H> rows, std::int64_t first, std::int64_t count, std::int64_t use) const {
    const auto to = column(first, 0);
    if constexpr (kInPairs<H>) {
      const auto pairs = (count + 1) / 2;
      H* const interleaved = scratch<H>(use, 2 * pairs * columns_);
      H* next = interleaved;
      for_each_pair(rows, count, columns_, [&](const H* even, const H* odd) {
        interleave(even, odd, columns_, next);
        next += 2 * columns_;
      });
      transpose(interleaved, columns_, pairs, columns_, to.data, to.stride / 2);
    } else {
      transpose(rows.data, rows.stride, count, columns_, to.data, to.stride);
    }
  }

 private:
  PixelChunks<H> chunks_;
  std::int64_t columns_;
  torch::Tensor memory_;
};

/// dY^T X over all pixels: dY [P, O], X [P, I] -> float32 [O, I].
template <class H>
torch::Tensor product_over_pixels(const LeftPixelFactor<H>& gradient, const RightPixelFactor<H>& x) {
  const auto outputs = gradient.columns(), inputs = x.columns();
  const auto& chunks = x.chunks();
  const torch::Tensor result = empty_on_cpu({outputs, inputs}, torch::kFloat);
  constexpr std::int64_t kRows = 64;
  const auto row_blocks = (outputs + kRows - 1) / kRows, panels = (inputs + kPanelColumns<H> - 1) / kPanelColumns<H>;
  // Enough tasks for all threads. The results do not depend on their number.
  const auto groups = std::clamp<std::int64_t>(2 * at::get_num_threads() / row_blocks, 1, panels);
  const auto columns = (panels + groups - 1) / groups * kPanelColumns<H>;
  float* to = result.data_ptr<float>();
  at::parallel_for(0, row_blocks * groups, 1, [&](std::int64_t task, std::int64_t end) {
    const compat::BlockProducts<H> products;
    for (; task < end; ++task) {
      const auto row = task / groups * kRows, rows = std::min(kRows, outputs - row);
      const auto begin = task % groups * columns, group_end = std::min(begin + columns, inputs);
      for (std::int64_t first = 0; first < chunks.pixels(); first += chunks.size()) {
        const auto left = gradient.column(first, row);
        for (auto column = begin; column < group_end; column += kPanelColumns<H>) {
          const auto panel = x.panel(first, column);
          compat::block_product(rows, panel.stride, chunks.count(first), left.data, left.stride, panel.data,
                                panel.stride, to + row * inputs + column, inputs, /*add=*/first > 0);
        }
      }
    }
  });
  return result;
}

}  // namespace glow::ops::cpu
