#pragma once

#include <cstdint>

// GLOW_VECTORIZED compiles a function for AVX-512, for AVX2 and for every x86-64 processor; the program chooses at its
// start. Not for sanitizers, which are not ready when it chooses. Functions that it calls must become a part of it, to
// be compiled for the same instructions: by GLOW_INLINE, or all of them by GLOW_FLATTEN.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define GLOW_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GLOW_VECTORIZED
#endif

#define GLOW_INLINE inline __attribute__((always_inline))
#define GLOW_FLATTEN __attribute__((flatten))

namespace glow::ops {

/// Numbers that one step of a loop computes: float32 numbers of a vector of AVX-512, or of two of AVX2.
inline constexpr std::int64_t kLanes = 16;

}  // namespace glow::ops
