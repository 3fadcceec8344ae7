#pragma once

#include <cmath>

#include <c10/macros/Macros.h>

#include "ops/pixels.h"

namespace glow::ops {

// The arithmetic of an affine coupling, shared by the CPU's loops and the CUDA kernels.

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

// One thread of a CUDA kernel transforms one number of the second half of the channels. These are plain functions, so
// that tests run them without a GPU. `index`: the number's position in the memory of a channels_last tensor [N, C/2, H,
// W].

/// x becomes y; returns log s.
template <class T>
struct Couple {
  Pixels<T> x;
  Pixels<const T> h;

  C10_HOST_DEVICE T operator()(std::uint32_t index) const {
    const auto half = x.channels / 2;
    const PixelIndex at(index, half, x.height, x.width);
    const T* shift = h.at(at.image, at.row, at.column) + at.channel;
    T& x2 = x.at(at.image, at.row, at.column)[half + at.channel];
    const CouplingScale<T> scale(shift[half]);
    x2 = (x2 + *shift) * scale.value;
    return scale.log;
  }
};

/// y becomes x.
template <class T>
struct Uncouple {
  Pixels<T> y;
  Pixels<const T> h;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto half = y.channels / 2;
    const PixelIndex at(index, half, y.height, y.width);
    const T* shift = h.at(at.image, at.row, at.column) + at.channel;
    T& y2 = y.at(at.image, at.row, at.column)[half + at.channel];
    y2 = y2 * inverse_coupling_scale(shift[half]) - *shift;
  }
};

/// The gradient of y becomes that of x, and that of h is filled in.
template <class T>
struct CoupleBackward {
  Pixels<const T> y, h;
  const T* log_det_gradient;
  Pixels<T> gradient, h_gradient;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto half = y.channels / 2;
    const PixelIndex at(index, half, y.height, y.width);
    const T y2 = y.at(at.image, at.row, at.column)[half + at.channel];
    T& g = gradient.at(at.image, at.row, at.column)[half + at.channel];
    T* g_shift = h_gradient.at(at.image, at.row, at.column) + at.channel;
    const T scale = coupling_scale(h.at(at.image, at.row, at.column)[half + at.channel]);
    // y2 = (x2 + shift) * s, ds/dr = s * (1 - s), d(log s)/dr = 1 - s
    g_shift[half] = (1 - scale) * (g * y2 + log_det_gradient[at.image]);
    g *= scale;
    *g_shift = g;
  }
};

}  // namespace glow::ops
