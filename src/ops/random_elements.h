#pragma once

#include <cmath>
#include <cstdint>

#include "ops/philox.h"

namespace glow::ops {

inline constexpr double kWordScale = 0x1p-32;

/// The largest Scalar that is not above value.
template <class Scalar>
C10_HOST_DEVICE Scalar round_down(double value) {
  const auto nearest = static_cast<Scalar>(value);
  return nearest > value ? std::nextafter(nearest, Scalar{0}) : nearest;
}

// A block of a row of random numbers, four of which one is left out where the row ends, from the four 32-bit outputs of
// a generator.

struct UniformBlock {
  template <class Scalar>
  C10_HOST_DEVICE void operator()(at::Philox4_32& engine, Scalar* numbers, std::int64_t count) const {
    for (std::int64_t i = 0; i < count && i < 4; ++i) numbers[i] = round_down<Scalar>(engine() * kWordScale);
  }
};

struct NormalBlock {
  template <class Scalar>
  C10_HOST_DEVICE void operator()(at::Philox4_32& engine, Scalar* numbers, std::int64_t count) const {
    constexpr double kTwoPi = 6.283185307179586476925286766559;
    for (std::int64_t i = 0; i < count && i < 4; i += 2) {
      // Half a step up: the logarithm never sees 0.
      const double radius = std::sqrt(-2.0 * std::log((engine() + 0.5) * kWordScale));
      const double angle = kTwoPi * (engine() * kWordScale);
      numbers[i] = static_cast<Scalar>(radius * std::cos(angle));
      if (i + 1 < count) numbers[i + 1] = static_cast<Scalar>(radius * std::sin(angle));
    }
  }
};

}  // namespace glow::ops
