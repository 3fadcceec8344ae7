#pragma once

#include <cmath>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// An affine coupling scales by sigmoid(r + 2): a step that starts with r = 0 is close to the identity.
inline constexpr double kScaleOffset = 2.0;

/// s = sigmoid(r + 2), and log s without a log of a small number.
template <class T>
struct CouplingScale {
  C10_HOST_DEVICE explicit CouplingScale(T r) {
    const T v = r + T(kScaleOffset);
    const T e = std::exp(-std::abs(v));
    value = v >= 0 ? 1 / (1 + e) : e / (1 + e);
    log = (v < 0 ? v : T(0)) - std::log1p(e);
  }
  T value;
  T log;
};

/// s alone.
template <class T>
C10_HOST_DEVICE T coupling_scale(T r) {
  return 1 / (1 + std::exp(-r - T(kScaleOffset)));
}

/// 1 / s
template <class T>
C10_HOST_DEVICE T inverse_coupling_scale(T r) {
  return 1 + std::exp(-r - T(kScaleOffset));
}

}  // namespace glow::ops
