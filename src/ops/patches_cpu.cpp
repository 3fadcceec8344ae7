#include "ops/patches_cpu.h"

#include <algorithm>

#include <ATen/Dispatch.h>

#include "ops/pixels.h"

namespace glow::ops::cpu {
namespace {

template <class T>
void extract(const torch::Tensor& from, bool with_edge_plane, torch::Tensor& to) {
  const Pixels<const T> x(from);
  const Pixels<T> patches(to);
  for_each_row(to, patches.channels * patches.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < x.width; ++column) {
      T* part = patches.at(image, row, column);
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = row + tap / 3 - 1, x_in = column + tap % 3 - 1;
        const bool inside = x.contains(y_in, x_in);
        if (inside) {
          std::copy_n(x.at(image, y_in, x_in), x.channels, part);
        } else {
          std::fill_n(part, x.channels, T(0));
        }
        part += x.channels;
        if (with_edge_plane) *part++ = inside ? T(0) : T(1);
      }
    }
  });
}

template <class T>
void add(torch::Tensor& to, const torch::Tensor& from) {
  const Pixels<T> sum(to);
  const Pixels<const T> patches(from);
  const auto planes = patches.channels / 9;
  for_each_row(to, patches.channels * patches.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < sum.width; ++column) {
      T* total = sum.at(image, row, column);
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = row - tap / 3 + 1, x_in = column - tap % 3 + 1;
        if (!sum.contains(y_in, x_in)) continue;
        const T* part = patches.at(image, y_in, x_in) + tap * planes;
        for (std::int64_t channel = 0; channel < sum.channels; ++channel) total[channel] += part[channel];
      }
    }
  });
}

template <class T>
void sum(const torch::Tensor& from, const torch::Tensor& channel_bias, const torch::Tensor& tap_outside,
         torch::Tensor& to) {
  const Pixels<const T> patches(from);
  const Pixels<T> sums(to);
  const T* bias = channel_bias.data_ptr<T>();
  const T* outside = tap_outside.data_ptr<T>();
  const auto channels = sums.channels;
  for_each_row(to, patches.channels * patches.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < sums.width; ++column) {
      T* total = sums.at(image, row, column);
      std::copy_n(bias, channels, total);
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = row - tap / 3 + 1, x_in = column - tap % 3 + 1;
        const bool inside = sums.contains(y_in, x_in);
        const T* part = (inside ? patches.at(image, y_in, x_in) : outside) + tap * channels;
        for (std::int64_t channel = 0; channel < channels; ++channel) total[channel] += part[channel];
      }
    }
  });
}

}  // namespace

void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches) {
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "extract_patches",
                             [&] { extract<scalar_t>(x, with_edge_plane, patches); });
}

void add_patches(torch::Tensor& sum, const torch::Tensor& patches) {
  AT_DISPATCH_FLOATING_TYPES(sum.scalar_type(), "add_patches", [&] { add<scalar_t>(sum, patches); });
}

void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum) {
  AT_DISPATCH_FLOATING_TYPES(sum.scalar_type(), "sum_patches",
                             [&] { cpu::sum<scalar_t>(patches, bias, outside, sum); });
}

}  // namespace glow::ops::cpu
