#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace glow::ops::cpu {

/// to[column * to_stride + row] = from[row * from_stride + column], for numbers, or pairs of numbers, of 4 bytes.
void transpose(const void* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, void* to,
               std::int64_t to_stride);

/// to[2 i] = first[i], to[2 i + 1] = second[i], i < count: two rows of a right factor of bfloat16 products.
void interleave(const c10::BFloat16* first, const c10::BFloat16* second, std::int64_t count, c10::BFloat16* to);

}  // namespace glow::ops::cpu
