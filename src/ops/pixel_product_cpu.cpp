#include "ops/pixel_product_cpu.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

namespace glow::ops::cpu {
namespace {

/// A fixed division of the pixels, so that a sum does not depend on the number of threads.
constexpr std::int64_t kPixelsOfAPart = 256;

template <class T>
void relu_backward(T* gradient, const T* y, std::int64_t pixels, std::int64_t channels, T* sum) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const T value = y[channel] <= T(0) ? T(0) : gradient[channel];
      gradient[channel] = value;
      sum[channel] += value;
    }
    gradient += channels;
    y += channels;
  }
}

}  // namespace

torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y) {
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const auto parts = (pixels + kPixelsOfAPart - 1) / kPixelsOfAPart;
  const auto sums = at::zeros({parts, channels}, y.options());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "relu_backward", [&] {
    auto* gradients = gradient.data_ptr<scalar_t>();
    const auto* values = y.data_ptr<scalar_t>();
    auto* sum = sums.data_ptr<scalar_t>();
    at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = begin; part < end; ++part) {
        const auto first = part * kPixelsOfAPart;
        relu_backward(gradients + first * channels, values + first * channels, std::min(kPixelsOfAPart, pixels - first),
                      channels, sum + part * channels);
      }
    });
  });
  return sums.sum(0);
}

}  // namespace glow::ops::cpu
