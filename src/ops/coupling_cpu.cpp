#include "ops/coupling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include "ops/coupling_elements.h"
#include "ops/pixels.h"
#include "ops/scratch.h"
#include "ops/vector_math.h"
#include "ops/vectorized.h"
#include "ops/views.h"

namespace glow::ops::cpu {
namespace {

/// CouplingScale of `count` numbers r.
template <class T>
GLOW_INLINE void scales_of(const T* r, std::int64_t count, T* scale, T* log_scale) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T v = r[i] + T(kScaleOffset), e = exponential(-std::abs(v));
    scale[i] = (v >= 0 ? T(1) : e) / (1 + e);
    log_scale[i] = (v < 0 ? v : T(0)) - log_of_one_plus(e);
  }
}
GLOW_VECTORIZED void scales(const float* r, std::int64_t count, float* scale, float* log_scale) {
  scales_of(r, count, scale, log_scale);
}
GLOW_VECTORIZED void scales(const double* r, std::int64_t count, double* scale, double* log_scale) {
  scales_of(r, count, scale, log_scale);
}

/// inverse_coupling_scale of `count` numbers r.
template <class T>
GLOW_INLINE void inverse_scales_of(const T* r, std::int64_t count, T* inverse) {
  for (std::int64_t i = 0; i < count; ++i) inverse[i] = 1 + exponential(-r[i] - T(kScaleOffset));
}
GLOW_VECTORIZED void inverse_scales(const float* r, std::int64_t count, float* inverse) {
  inverse_scales_of(r, count, inverse);
}
GLOW_VECTORIZED void inverse_scales(const double* r, std::int64_t count, double* inverse) {
  inverse_scales_of(r, count, inverse);
}

/// The sum of `count` numbers, in an order that does not depend on the processor.
template <class T>
T sum_of(const T* numbers, std::int64_t count) {
  T sums[kLanes] = {}, sum = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += numbers[i + lane];
  }
  for (; i < count; ++i) sum += numbers[i];
  return std::accumulate(sums, sums + kLanes, sum);
}

/// The numbers r of a row of pixels, one after the other, in the thread's memory.
template <class T>
const T* gather_r(const Pixels<const T>& h, std::int64_t half, std::int64_t image, std::int64_t row) {
  T* const numbers = scratch<T>(0, h.width * half);
  T* next = numbers;
  for (std::int64_t column = 0; column < h.width; ++column, next += half) {
    std::copy_n(h.at(image, row, column) + half, half, next);
  }
  return numbers;
}

template <class T>
void couple(const torch::Tensor& in, const torch::Tensor& network, torch::Tensor& row_sums) {
  const Pixels<T> x(in);
  const Pixels<const T> h(network);
  const auto half = x.channels / 2, numbers = half * x.width;
  T* sums = row_sums.data_ptr<T>();
  for_each_row(in, 16 * x.channels * x.width, [&](std::int64_t image, std::int64_t row) {
    T *scale = scratch<T>(1, numbers), *log_scale = scratch<T>(2, numbers);
    scales(gather_r(h, half, image, row), numbers, scale, log_scale);
    sums[image * x.height + row] = sum_of(log_scale, numbers);
    for (std::int64_t column = 0; column < x.width; ++column, scale += half) {
      T* x2 = x.at(image, row, column) + half;
      const T* shift = h.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        x2[channel] = (x2[channel] + shift[channel]) * scale[channel];
      }
    }
  });
}

template <class T>
void uncouple(const torch::Tensor& out, const torch::Tensor& network) {
  const Pixels<T> y(out);
  const Pixels<const T> h(network);
  const auto half = y.channels / 2, numbers = half * y.width;
  for_each_row(out, 8 * y.channels * y.width, [&](std::int64_t image, std::int64_t row) {
    T* inverse = scratch<T>(1, numbers);
    inverse_scales(gather_r(h, half, image, row), numbers, inverse);
    for (std::int64_t column = 0; column < y.width; ++column, inverse += half) {
      T* y2 = y.at(image, row, column) + half;
      const T* shift = h.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        y2[channel] = y2[channel] * inverse[channel] - shift[channel];
      }
    }
  });
}

template <class T>
void couple_backward(const torch::Tensor& out, const torch::Tensor& network, torch::Tensor& out_gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& network_gradient) {
  const Pixels<const T> y(out), h(network);
  const Pixels<T> gradient(out_gradient), h_gradient(network_gradient);
  const auto half = y.channels / 2, numbers = half * y.width;
  const T* of_log_det = log_det_gradient.data_ptr<T>();
  for_each_row(out, 8 * y.channels * y.width, [&](std::int64_t image, std::int64_t row) {
    T* inverse = scratch<T>(1, numbers);
    inverse_scales(gather_r(h, half, image, row), numbers, inverse);
    for (std::int64_t column = 0; column < y.width; ++column, inverse += half) {
      const T* y2 = y.at(image, row, column) + half;
      T* g = gradient.at(image, row, column) + half;
      T* g_shift = h_gradient.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        // y2 = (x2 + shift) * s, ds/dr = s * (1 - s), d(log s)/dr = 1 - s
        const T scale = 1 / inverse[channel];
        g_shift[half + channel] = (1 - scale) * (g[channel] * y2[channel] + of_log_det[image]);
        g[channel] *= scale;
        g_shift[channel] = g[channel];
      }
    }
  });
}

}  // namespace

torch::Tensor couple(torch::Tensor& x, const torch::Tensor& h) {
  const auto images = x.size(0), height = x.size(2);
  auto row_sums = empty_on_cpu({images, height}, x.scalar_type());
  const auto sums = empty_on_cpu({images, 1}, x.scalar_type());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "couple", [&] {
    couple<scalar_t>(x, h, row_sums);
    const auto* of_row = row_sums.data_ptr<scalar_t>();
    for (std::int64_t image = 0; image < images; ++image, of_row += height) {
      sums.data_ptr<scalar_t>()[image] = std::accumulate(of_row, of_row + height, scalar_t(0));
    }
  });
  return sums;
}

void uncouple(torch::Tensor& y, const torch::Tensor& h) {
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "uncouple", [&] { uncouple<scalar_t>(y, h); });
}

void couple_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient) {
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "couple_backward",
                             [&] { couple_backward<scalar_t>(y, h, gradient, log_det_gradient, h_gradient); });
}

}  // namespace glow::ops::cpu
