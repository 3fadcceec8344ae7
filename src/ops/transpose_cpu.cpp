#include <cstring>
#include <utility>

#include "ops/transpose.h"
#include "ops/vectorized.h"

namespace glow::ops::cpu {
namespace {

constexpr std::int64_t kTile = 16;
using Lanes = std::uint32_t __attribute__((vector_size(kTile * sizeof(std::uint32_t))));

/// Exchanges the elements of `a` whose index has `kBit` with those of `b` whose index has not.
template <int kBit, int... kIndex>
GLOW_INLINE void exchange(Lanes& a, Lanes& b, std::integer_sequence<int, kIndex...>) {
  const Lanes before = a;
  a = __builtin_shufflevector(before, b, ((kIndex & kBit) != 0 ? kTile + (kIndex ^ kBit) : kIndex)...);
  b = __builtin_shufflevector(before, b, ((kIndex & kBit) != 0 ? kTile + kIndex : kIndex ^ kBit)...);
}

/// Transposes each 2x2 arrangement of blocks of kBit x kBit.
template <int kBit>
GLOW_INLINE void exchange_all(Lanes (&rows)[kTile]) {
  for (std::int64_t row = 0; row < kTile; ++row) {
    if ((row & kBit) == 0) exchange<kBit>(rows[row], rows[row + kBit], std::make_integer_sequence<int, kTile>());
  }
}

GLOW_VECTORIZED void transpose_tiles(const std::uint32_t* from, std::int64_t from_stride, std::int64_t rows,
                                     std::int64_t columns, std::uint32_t* to, std::int64_t to_stride) {
  for (std::int64_t row = 0; row < rows; row += kTile) {
    for (std::int64_t column = 0; column < columns; column += kTile) {
      Lanes tile[kTile];
      for (std::int64_t i = 0; i < kTile; ++i) {
        std::memcpy(&tile[i], from + (row + i) * from_stride + column, sizeof(Lanes));
      }
      exchange_all<8>(tile);
      exchange_all<4>(tile);
      exchange_all<2>(tile);
      exchange_all<1>(tile);
      for (std::int64_t i = 0; i < kTile; ++i) {
        std::memcpy(to + (column + i) * to_stride + row, &tile[i], sizeof(Lanes));
      }
    }
  }
}

GLOW_VECTORIZED void interleave_bits(const std::uint16_t* first, const std::uint16_t* second, std::int64_t count,
                                     std::uint32_t* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t pair = first[i] | std::uint32_t{second[i]} << 16;
    std::memcpy(to + i, &pair, sizeof pair);
  }
}

}  // namespace

void transpose(const void* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, void* to,
               std::int64_t to_stride) {
  const auto* source = static_cast<const std::uint32_t*>(from);
  auto* target = static_cast<std::uint32_t*>(to);
  const auto tile_rows = rows / kTile * kTile, tile_columns = columns / kTile * kTile;
  transpose_tiles(source, from_stride, tile_rows, tile_columns, target, to_stride);
  // memcpy, because the numbers may be of any type.
  const auto copy = [&](std::int64_t row, std::int64_t column) {
    std::memcpy(target + column * to_stride + row, source + row * from_stride + column, sizeof(std::uint32_t));
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    for (auto column = row < tile_rows ? tile_columns : 0; column < columns; ++column) copy(row, column);
  }
}

void interleave(const c10::BFloat16* first, const c10::BFloat16* second, std::int64_t count, c10::BFloat16* to) {
  interleave_bits(&first->x, &second->x, count, reinterpret_cast<std::uint32_t*>(to));
}

}  // namespace glow::ops::cpu
