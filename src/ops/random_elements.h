#pragma once

#include <cmath>
#include <cstdint>

#include <ATen/core/PhiloxRNGEngine.h>
#include <c10/macros/Macros.h>
#include <torch/types.h>

#include <glow/ops/random.h>

namespace glow::ops {

/// The address of a row of random numbers in Philox4x32-10, as plain numbers for a CUDA kernel. Block b of the row is
/// the four 32-bit words Philox(key = seed, counter = subsequence : offset + b).
///   seed         the key
///   subsequence  upper half of the counter: stream << 56 | index
///   offset       lower half of the counter: step << 24 | block of four 32-bit outputs
struct PhiloxRow {
  std::uint64_t seed;
  std::uint64_t subsequence;
  std::uint64_t offset;
};

// A row is stored in a tensor of int64.
static_assert(sizeof(PhiloxRow) == 3 * sizeof(std::int64_t));

/// 32-bit words in a row: 2^24 blocks of four. The next block belongs to the row of the next step.
inline constexpr std::int64_t kPhiloxRowWords = std::int64_t{1} << 26;

/// Throws ConfigError when step or index is out of range.
PhiloxRow philox_row(const RandomKey& key, std::int64_t index);

/// The generator of the row's 32-bit words, from word 4 * block on.
C10_HOST_DEVICE inline at::Philox4_32 philox_engine(const PhiloxRow& row, std::uint64_t block = 0) {
  return at::Philox4_32(row.seed, row.subsequence, row.offset + block);
}

inline constexpr double kWordScale = 0x1p-32;

/// The largest Scalar <= value.
template <class Scalar>
C10_HOST_DEVICE Scalar round_down(double value) {
  const auto nearest = static_cast<Scalar>(value);
  return nearest > value ? std::nextafter(nearest, Scalar{0}) : nearest;
}

// A block of random numbers: four, or fewer at the end of a row, computed from the next four 32-bit words w of a
// generator.

/// w * 2^-32, in [0, 1).
struct UniformBlock {
  template <class Scalar>
  C10_HOST_DEVICE void operator()(at::Philox4_32& engine, Scalar* numbers, std::int64_t count) const {
    for (std::int64_t i = 0; i < count && i < 4; ++i) numbers[i] = round_down<Scalar>(engine() * kWordScale);
  }
};

/// Box-Muller, two numbers from two words: r cos a and r sin a with r = sqrt(-2 log u), u = (w0 + 1/2) * 2^-32 and
/// a = 2 pi * w1 * 2^-32.
struct NormalBlock {
  template <class Scalar>
  C10_HOST_DEVICE void operator()(at::Philox4_32& engine, Scalar* numbers, std::int64_t count) const {
    constexpr double kTwoPi = 6.283185307179586476925286766559;
    for (std::int64_t i = 0; i < count && i < 4; i += 2) {
      // The half keeps u above 0, where the logarithm is not finite.
      const double radius = std::sqrt(-2.0 * std::log((engine() + 0.5) * kWordScale));
      const double angle = kTwoPi * (engine() * kWordScale);
      numbers[i] = static_cast<Scalar>(radius * std::cos(angle));
      if (i + 1 < count) numbers[i + 1] = static_cast<Scalar>(radius * std::sin(angle));
    }
  }
};

namespace cuda {

/// Fills the CUDA tensor `numbers` [R, count], float32 or float64, with the rows of random numbers that `rows`
/// addresses: int64 [R, 3] on the CPU or the same device, each row the bits of a PhiloxRow.
void fill_uniform(torch::Tensor& numbers, const torch::Tensor& rows);
void fill_normal(torch::Tensor& numbers, const torch::Tensor& rows);

}  // namespace cuda

}  // namespace glow::ops
