#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

#include "ops/pixel_product.h"

namespace glow::ops::cpu {
namespace {

/// Pixels whose gradients are summed by one thread: a constant, so that a sum does not depend on the number of threads.
constexpr std::int64_t kPixelsPerPart = 256;

template <class T, class Sum>
void relu_backward(T* gradient, const T* y, std::int64_t pixels, std::int64_t channels, Sum* sum) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      // Keeps or zeroes the gradient as it is stored: a product in float32 would have to be rounded again.
      const T value = static_cast<Sum>(y[channel]) <= 0 ? T(0) : gradient[channel];
      gradient[channel] = value;
      sum[channel] += static_cast<Sum>(value);
    }
    gradient += channels;
    y += channels;
  }
}

}  // namespace

torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y) {
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const auto parts = (pixels + kPixelsPerPart - 1) / kPixelsPerPart;
  const bool is_bfloat16 = y.scalar_type() == torch::kBFloat16;
  const auto sums = at::zeros({parts, channels}, y.options().dtype(is_bfloat16 ? torch::kFloat : y.scalar_type()));
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, y.scalar_type(), "relu_backward", [&] {
    using Sum = at::opmath_type<scalar_t>;
    auto* gradients = gradient.data_ptr<scalar_t>();
    const auto* values = y.data_ptr<scalar_t>();
    auto* sum = sums.data_ptr<Sum>();
    at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = begin; part < end; ++part) {
        const auto first = part * kPixelsPerPart;
        relu_backward(gradients + first * channels, values + first * channels, std::min(kPixelsPerPart, pixels - first),
                      channels, sum + part * channels);
      }
    });
  });
  return sums.sum(0);
}

}  // namespace glow::ops::cpu
