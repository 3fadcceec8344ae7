#pragma once

#include "ops/coupling_scale.h"
#include "ops/pixel_index.h"
#include "ops/pixels.h"

namespace glow::ops {

// What a thread of a CUDA kernel does for an affine coupling: one number of the second half of the channels. Plain
// functions, so that tests run them without a GPU. `index`: into a channels_last tensor [N, C/2, H, W].

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
