#pragma once

#include <cstdint>

#include <ATen/core/PhiloxRNGEngine.h>
#include <c10/macros/Macros.h>

#include <glow/ops/random.h>

namespace glow::ops {

/// Where a row of random numbers stands in Philox4x32-10: plain numbers that a CUDA kernel can take by value.
///   seed         the key
///   subsequence  upper half of the counter: stream << 56 | index
///   offset       lower half of the counter: step << 24 | block of four 32-bit outputs
struct PhiloxRow {
  std::uint64_t seed;
  std::uint64_t subsequence;
  std::uint64_t offset;
};

// Rows travel as tensors of int64.
static_assert(sizeof(PhiloxRow) == 3 * sizeof(std::int64_t));

/// 32-bit outputs in a row: 2^24 blocks of four, after which the next step's row begins.
inline constexpr std::int64_t kPhiloxRowWords = std::int64_t{1} << 26;

/// Throws ConfigError when step or index is out of range.
PhiloxRow philox_row(const RandomKey& key, std::int64_t index);

/// The generator of the row's 32-bit outputs, from output 4 * block on.
C10_HOST_DEVICE inline at::Philox4_32 philox_engine(const PhiloxRow& row, std::uint64_t block = 0) {
  return at::Philox4_32(row.seed, row.subsequence, row.offset + block);
}

}  // namespace glow::ops
