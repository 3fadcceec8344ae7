#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <c10/util/BFloat16.h>

namespace glow::ops::cpu {

// The order of a right factor B [depth, columns] of products in blocks of pixels: panels of kPanelColumns columns, one
// after the other, of which the last may be narrower. A panel is [depth, its columns]; for bfloat16 with pairs of rows
// interleaved, [depth / 2, its columns, 2]. A product reads a panel in one sequence and finds it in its core's cache.

/// Whether numbers are in pairs.
template <class H>
inline constexpr bool kInPairs = std::is_same_v<H, c10::BFloat16>;

/// A multiple of the vectors of AVX2 and AVX-512 and of AMX's tiles. float32: as many as AVX2 has registers for (on an
/// AMD EPYC 7003, products with 32 columns reach 0.98 of the speed of a large one, with 64 columns 0.83). bfloat16
/// products are so fast that a call must do more.
template <class H>
inline constexpr std::int64_t kPanelColumns = kInPairs<H> ? 64 : 32;

/// The columns of the panel that begins at `column`.
template <class H>
std::int64_t panel_width(std::int64_t columns, std::int64_t column) {
  return std::min(kPanelColumns<H>, columns - column);
}

/// The numbers before the panel that begins at `column`.
inline std::int64_t panel_offset(std::int64_t depth, std::int64_t column) { return depth * column; }

/// Calls use(column, width) for every panel.
template <class H, class Use>
void for_each_panel(std::int64_t columns, Use&& use) {
  for (std::int64_t column = 0; column < columns; column += kPanelColumns<H>) {
    use(column, panel_width<H>(columns, column));
  }
}

}  // namespace glow::ops::cpu
