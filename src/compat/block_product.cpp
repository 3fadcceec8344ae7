#include "compat/block_product.h"

#include <exception>
#include <type_traits>

#include <ATen/Context.h>
#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#include <ATen/native/CPUBlas.h>
#endif

// The header names the types of its products by macros.
#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(CPUBLAS_BRGEMM_BF16BF16F32)
#define GLOW_HAS_BRGEMM
#endif

namespace glow::compat {
namespace {

template <class T>
inline constexpr bool kInPairs = std::is_same_v<T, c10::BFloat16>;

template <class T>
void plain_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const T* a, std::int64_t a_stride,
                   const T* b, std::int64_t b_stride, float* c, std::int64_t c_stride, bool add) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      float sum = add ? c[row * c_stride + column] : 0;
      for (std::int64_t i = 0; i < depth; ++i) {
        const auto place = kInPairs<T> ? i / 2 * 2 * b_stride + 2 * column + i % 2 : i * b_stride + column;
        sum += static_cast<float>(a[row * a_stride + i]) * static_cast<float>(b[place]);
      }
      c[row * c_stride + column] = sum;
    }
  }
}

#if defined(GLOW_HAS_BRGEMM)

template <class T>
void brgemm(std::int64_t rows, std::int64_t columns, std::int64_t depth, const T* a, std::int64_t a_stride, const T* b,
            std::int64_t b_stride, float* c, std::int64_t c_stride, bool add) {
  at::native::cpublas::brgemm(rows, columns, depth, a_stride, b_stride, c_stride, add, a, b, c,
                              /*is_vnni=*/kInPairs<T>);
}

/// Whether the processor has the instructions that make products of T fast. Without them LibTorch would compute the
/// same slowly, or refuse.
template <class T>
bool processor_fits() {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<T, c10::BFloat16>) return __builtin_cpu_supports("avx512bf16") != 0;
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
  return false;
#endif
}

/// Computes a small product and compares: oneDNN may be told to use older instructions.
template <class T>
bool computes() {
  try {
    constexpr std::int64_t kSize = 32;
    T a[kSize * kSize], b[kSize * kSize];
    float c[kSize * kSize];
    for (auto& number : a) number = T(1);
    for (auto& number : b) number = T(2);
    const BlockProducts<T> products;
    brgemm(kSize, kSize, kSize, a, kSize, b, kSize, c, kSize, /*add=*/false);
    for (const auto number : c) {
      if (number != 2 * kSize) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

#endif

template <class T>
void product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const T* a, std::int64_t a_stride, const T* b,
             std::int64_t b_stride, float* c, std::int64_t c_stride, bool add) {
#if defined(GLOW_HAS_BRGEMM)
  if (has_block_product<T>()) return brgemm(rows, columns, depth, a, a_stride, b, b_stride, c, c_stride, add);
#endif
  plain_product(rows, columns, depth, a, a_stride, b, b_stride, c, c_stride, add);
}

}  // namespace

template <class T>
bool has_block_product() {
#if defined(GLOW_HAS_BRGEMM)
  static const bool has = at::hasMKLDNN() && processor_fits<T>() && computes<T>();
  return has && at::globalContext().userEnabledMkldnn();
#else
  return false;
#endif
}

void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a, std::int64_t a_stride,
                   const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, bool add) {
  product(rows, columns, depth, a, a_stride, b, b_stride, c, c_stride, add);
}

void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const c10::BFloat16* a,
                   std::int64_t a_stride, const c10::BFloat16* b, std::int64_t b_stride, float* c,
                   std::int64_t c_stride, bool add) {
  product(rows, columns, depth, a, a_stride, b, b_stride, c, c_stride, add);
}

template <class T>
BlockProducts<T>::~BlockProducts() {
#if defined(GLOW_HAS_BRGEMM)
  at::native::cpublas::brgemm_release(/*is_vnni=*/kInPairs<T>);
#endif
}

template bool has_block_product<float>();
template bool has_block_product<c10::BFloat16>();
template class BlockProducts<float>;
template class BlockProducts<c10::BFloat16>;

}  // namespace glow::compat
