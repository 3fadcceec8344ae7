#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace glow::compat {

// oneDNN's product of small blocks (brgemm), which recent versions of LibTorch 2 offer (tested: 2.11): called by one
// thread on factors that are in its cache.

/// Whether oneDNN computes block_product with this LibTorch on this processor, for T = float or c10::BFloat16. Else
/// plain loops do, which are slow and let tests run everywhere.
template <class T>
bool has_block_product();

/// C [rows, columns] = A [rows, depth] * B [depth, columns], or C += A * B if `add`. Rows of A, B and C begin
/// `a_stride`, `b_stride` and `c_stride` numbers apart. bfloat16: B is [depth / 2, columns, 2], and depth is even.
void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a, std::int64_t a_stride,
                   const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, bool add = false);
void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const c10::BFloat16* a,
                   std::int64_t a_stride, const c10::BFloat16* b, std::int64_t b_stride, float* c,
                   std::int64_t c_stride, bool add = false);

/// Gives a thread's tile registers back. Created by a thread before its first block_product of a kind.
template <class T>
class BlockProducts {
 public:
  BlockProducts() = default;
  BlockProducts(const BlockProducts&) = delete;
  BlockProducts& operator=(const BlockProducts&) = delete;
  ~BlockProducts();
};

}  // namespace glow::compat
