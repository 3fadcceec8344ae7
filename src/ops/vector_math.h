#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "ops/vectorized.h"

namespace glow::ops::cpu {

// Elementary functions without branches and calls, so that loops over them are vectorised. float32, within 2 ulp; NaN
// gives NaN. For float64 they are those of the standard library.

/// first x^n + ... + last, from n + 1 coefficients.
template <class T, class... Coefficients>
GLOW_INLINE T polynomial(T x, T first, Coefficients... rest) {
  T sum = first;
  ((sum = sum * x + rest), ...);
  return sum;
}

/// exp(x); 0 below about -87.7 and infinity above about 88.4, where a result or its reciprocal is subnormal, or nearly.
GLOW_INLINE float exponential(float x) {
  // exp(x) = 2^n exp(r), n = round(x / log 2), |r| <= log(2) / 2. Adding 1.5 * 2^23 rounds to an integer, and leaves it
  // in the lowest bits. log 2 is in two parts, of which the product of the first with n is exact.
  constexpr float kToInteger = 0x1.8p23F, kHigh = 0.693359375F, kLow = -2.12194440e-4F;
  // At the ends n is -127 and 128, whose powers of two are 0 and infinity as they are computed here.
  x = x < -88 ? -88 : x;
  x = x > 89 ? 89 : x;
  const float shifted = x * 1.44269504F + kToInteger, n = shifted - kToInteger;
  const float r = (x - n * kHigh) - n * kLow;
  constexpr std::uint32_t kOne = 0x3F800000;
  const auto power_of_two = std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << 23) + kOne);
  // The Taylor series; its next term is below 6e-9.
  return power_of_two * polynomial(r, 1.0F / 5040, 1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F);
}
GLOW_INLINE double exponential(double x) { return std::exp(x); }

/// log(1 + x), 0 <= x <= 1
GLOW_INLINE float log_of_one_plus(float x) {
  // log(1 + x) = 2 artanh(s) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...), s = x / (2 + x) <= 1/3; the next term is below 2e-9.
  const float s = x / (2 + x);
  return 2 * s * polynomial(s * s, 1.0F / 15, 1.0F / 13, 1.0F / 11, 1.0F / 9, 1.0F / 7, 1.0F / 5, 1.0F / 3, 1.0F);
}
GLOW_INLINE double log_of_one_plus(double x) { return std::log1p(x); }

}  // namespace glow::ops::cpu
