#include "ops/coupling.h"

#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include "ops/coupling_elements.h"
#include "ops/pixels.h"
#include "ops/views.h"

namespace glow::ops::cpu {
namespace {

template <class T>
void couple(const torch::Tensor& in, const torch::Tensor& network, torch::Tensor& row_sums) {
  const Pixels<T> x(in);
  const Pixels<const T> h(network);
  const auto half = x.channels / 2;
  T* sums = row_sums.data_ptr<T>();
  for_each_row(in, 16 * x.channels * x.width, [&](std::int64_t image, std::int64_t row) {
    T sum = 0;
    for (std::int64_t column = 0; column < x.width; ++column) {
      T* x2 = x.at(image, row, column) + half;
      const T* shift = h.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        const CouplingScale<T> scale(shift[half + channel]);
        x2[channel] = (x2[channel] + shift[channel]) * scale.value;
        sum += scale.log;
      }
    }
    sums[image * x.height + row] = sum;
  });
}

template <class T>
void uncouple(const torch::Tensor& out, const torch::Tensor& network) {
  const Pixels<T> y(out);
  const Pixels<const T> h(network);
  const auto half = y.channels / 2;
  for_each_row(out, 8 * y.channels * y.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < y.width; ++column) {
      T* y2 = y.at(image, row, column) + half;
      const T* shift = h.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        y2[channel] = y2[channel] * inverse_coupling_scale(shift[half + channel]) - shift[channel];
      }
    }
  });
}

template <class T>
void couple_backward(const torch::Tensor& out, const torch::Tensor& network, torch::Tensor& out_gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& network_gradient) {
  const Pixels<const T> y(out), h(network);
  const Pixels<T> gradient(out_gradient), h_gradient(network_gradient);
  const auto half = y.channels / 2;
  const T* of_log_det = log_det_gradient.data_ptr<T>();
  for_each_row(out, 8 * y.channels * y.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < y.width; ++column) {
      const T* y2 = y.at(image, row, column) + half;
      const T* r = h.at(image, row, column) + half;
      T* g = gradient.at(image, row, column) + half;
      T* g_shift = h_gradient.at(image, row, column);
      for (std::int64_t channel = 0; channel < half; ++channel) {
        // y2 = (x2 + shift) * s, ds/dr = s * (1 - s), d(log s)/dr = 1 - s
        const T scale = coupling_scale(r[channel]);
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
