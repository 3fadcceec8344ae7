#include "compat/block_product.h"

#include <exception>
#include <stdexcept>
#include <type_traits>

#include <ATen/Context.h>
#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#include <ATen/native/CPUBlas.h>
#endif

// The header names the types of its products by macros.
#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(CPUBLAS_BRGEMM_BF16BF16F32)
#define GLOW_HAS_BLOCK_PRODUCT
#endif

namespace glow::compat {

#if defined(GLOW_HAS_BLOCK_PRODUCT)

namespace {

/// Whether the processor has the instructions that make products of T fast. Without them LibTorch would compute the
/// same slowly, or refuse.
template <class T>
bool processor_fits() {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<T, c10::BFloat16>) return __builtin_cpu_supports("avx512bf16") != 0;
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

/// Computes a small product and compares: LibTorch may be built without oneDNN, or oneDNN be told to use older
/// instructions. In bfloat16, because products of float32 fall back to a BLAS then.
bool computes() {
  try {
    using T = c10::BFloat16;
    constexpr std::int64_t kSize = 32;
    T a[kSize * kSize], b[kSize * kSize];
    float c[kSize * kSize];
    for (auto& number : a) number = T(1);
    for (auto& number : b) number = T(2);
    const BlockProducts<T> products;
    block_product(kSize, kSize, kSize, a, kSize, b, kSize, c, kSize);
    for (const auto number : c) {
      if (number != 2 * kSize) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

template <class T>
bool has_block_product() {
  static const bool has = processor_fits<T>() && computes();
  return has && at::globalContext().userEnabledMkldnn();
}

void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a, std::int64_t a_stride,
                   const float* b, std::int64_t b_stride, float* c, std::int64_t c_stride, bool add) {
  at::native::cpublas::brgemm(rows, columns, depth, a_stride, b_stride, c_stride, add, a, b, c, /*is_vnni=*/false);
}

void block_product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const c10::BFloat16* a,
                   std::int64_t a_stride, const c10::BFloat16* b, std::int64_t b_stride, float* c,
                   std::int64_t c_stride, bool add) {
  at::native::cpublas::brgemm(rows, columns, depth, a_stride, b_stride, c_stride, add, a, b, c, /*is_vnni=*/true);
}

template <class T>
BlockProducts<T>::~BlockProducts() {
  at::native::cpublas::brgemm_release(/*is_vnni=*/std::is_same_v<T, c10::BFloat16>);
}

#else

template <class T>
bool has_block_product() {
  return false;
}

void block_product(std::int64_t, std::int64_t, std::int64_t, const float*, std::int64_t, const float*, std::int64_t,
                   float*, std::int64_t, bool) {
  throw std::logic_error("this LibTorch has no block_product");
}

void block_product(std::int64_t, std::int64_t, std::int64_t, const c10::BFloat16*, std::int64_t, const c10::BFloat16*,
                   std::int64_t, float*, std::int64_t, bool) {
  throw std::logic_error("this LibTorch has no block_product");
}

template <class T>
BlockProducts<T>::~BlockProducts() = default;

#endif

template bool has_block_product<float>();
template bool has_block_product<c10::BFloat16>();
template class BlockProducts<float>;
template class BlockProducts<c10::BFloat16>;

}  // namespace glow::compat
