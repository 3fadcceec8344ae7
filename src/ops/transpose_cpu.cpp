#include <cstring>
#include <utility>

#include "ops/transpose.h"
#include "ops/vectorized.h"

namespace glow::ops::cpu {
namespace {

using Row8 = std::uint32_t __attribute__((vector_size(8 * sizeof(std::uint32_t))));
using Row16 = std::uint32_t __attribute__((vector_size(16 * sizeof(std::uint32_t))));

/// Exchanges the elements of `a` whose index has `kBit` with those of `b` whose index has not.
template <int kBit, class Row, int... kIndex>
GLOW_INLINE void exchange(Row& a, Row& b, std::integer_sequence<int, kIndex...>) {
  constexpr int kTile = sizeof...(kIndex);
  const Row before = a;
  a = __builtin_shufflevector(before, b, ((kIndex & kBit) != 0 ? kTile + (kIndex ^ kBit) : kIndex)...);
  b = __builtin_shufflevector(before, b, ((kIndex & kBit) != 0 ? kTile + kIndex : kIndex ^ kBit)...);
}

/// Transposes each 2x2 arrangement of blocks of kBit x kBit, for kBit and its halves.
template <int kBit, class Row, int kTile>
GLOW_INLINE void exchange_all(Row (&rows)[kTile]) {
  for (int row = 0; row < kTile; ++row) {
    if ((row & kBit) == 0) exchange<kBit>(rows[row], rows[row + kBit], std::make_integer_sequence<int, kTile>());
  }
  if constexpr (kBit > 1) exchange_all<kBit / 2>(rows);
}

template <class Row>
GLOW_INLINE void transpose_tiles_of(const std::uint32_t* from, std::int64_t from_stride, std::int64_t rows,
                                    std::int64_t columns, std::uint32_t* to, std::int64_t to_stride) {
  constexpr int kTile = sizeof(Row) / sizeof(std::uint32_t);
  for (std::int64_t row = 0; row < rows; row += kTile) {
    for (std::int64_t column = 0; column < columns; column += kTile) {
      Row tile[kTile];
      for (std::int64_t i = 0; i < kTile; ++i) {
        std::memcpy(&tile[i], from + (row + i) * from_stride + column, sizeof(Row));
      }
      exchange_all<kTile / 2>(tile);
      for (std::int64_t i = 0; i < kTile; ++i) {
        std::memcpy(to + (column + i) * to_stride + row, &tile[i], sizeof(Row));
      }
    }
  }
}
/// A tile of 16x16 fits the registers of AVX-512, one of 8x8 those of AVX2.
GLOW_VECTORIZED void transpose_large_tiles(const std::uint32_t* from, std::int64_t from_stride, std::int64_t rows,
                                           std::int64_t columns, std::uint32_t* to, std::int64_t to_stride) {
  transpose_tiles_of<Row16>(from, from_stride, rows, columns, to, to_stride);
}
GLOW_VECTORIZED void transpose_small_tiles(const std::uint32_t* from, std::int64_t from_stride, std::int64_t rows,
                                           std::int64_t columns, std::uint32_t* to, std::int64_t to_stride) {
  transpose_tiles_of<Row8>(from, from_stride, rows, columns, to, to_stride);
}

bool has_large_registers() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
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
  static const bool is_large = has_large_registers();
  const std::int64_t tile = is_large ? 16 : 8, tile_rows = rows / tile * tile, tile_columns = columns / tile * tile;
  const auto transpose_tiles = is_large ? transpose_large_tiles : transpose_small_tiles;
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
