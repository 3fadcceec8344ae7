#pragma once

#include <cstdint>
#include <type_traits>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// The bytes of a thread's widest access of memory on a GPU.
inline constexpr std::size_t kWidestAccess = 16;

/// Neighbouring numbers, which a thread reads or writes in one access. Their address must be a multiple of their size.
template <class T, int kCount>
struct alignas(kCount * sizeof(T)) Packed {
  T values[kCount];
};

template <int kCount, class T>
C10_HOST_DEVICE Packed<T, kCount> load(const T* from) {
  return *reinterpret_cast<const Packed<T, kCount>*>(from);
}

template <class T, int kCount>
C10_HOST_DEVICE void store(T* to, const Packed<T, kCount>& numbers) {
  *reinterpret_cast<Packed<T, kCount>*>(to) = numbers;
}

/// Whether the widest accesses can begin at all of these addresses.
template <class... T>
bool is_aligned(const T*... addresses) {
  return ((reinterpret_cast<std::uintptr_t>(addresses) % kWidestAccess == 0) && ...);
}

/// Calls run(std::integral_constant<int, kCount>()), where kCount is the number of T in the widest access if `fits` is
/// true for that number, else 1.
template <class T, class Fits, class Run>
void dispatch_packed(const Fits& fits, Run&& run) {
  constexpr int kCount = kWidestAccess / sizeof(T);
  if (fits(kCount)) {
    run(std::integral_constant<int, kCount>());
  } else {
    run(std::integral_constant<int, 1>());
  }
}

}  // namespace glow::ops
