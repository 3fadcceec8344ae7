#include <algorithm>

#include "ops/patches.h"
#include "ops/patches_elements.h"
#include "ops/pixels.h"

namespace glow::ops::cpu {
namespace {

template <class T, class Part>
void add_to(T* total, const Part* part, std::int64_t channels) {
  for (std::int64_t channel = 0; channel < channels; ++channel) total[channel] += static_cast<T>(part[channel]);
}

template <class T>
void extract(const torch::Tensor& from, bool with_edge_plane, torch::Tensor& to) {
  const Pixels<const T> x(from);
  const Pixels<T> patches(to);
  const auto fill = patches.channels - 9 * (x.channels + (with_edge_plane ? 1 : 0));
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
      std::fill_n(part, fill, T(0));
    }
  });
}

template <class T, class Part>
void add(torch::Tensor& to, const torch::Tensor& from) {
  const Pixels<T> sum(to);
  const Pixels<const Part> patches(from);
  const auto planes = patches.channels / 9;
  for_each_row(to, patches.channels * patches.width, [&](std::int64_t image, std::int64_t row) {
    for (std::int64_t column = 0; column < sum.width; ++column) {
      T* total = sum.at(image, row, column);
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = row - tap / 3 + 1, x_in = column - tap % 3 + 1;
        if (!sum.contains(y_in, x_in)) continue;
        add_to(total, patches.at(image, y_in, x_in) + tap * planes, sum.channels);
      }
    }
  });
}

template <class T, class Part>
void sum(const torch::Tensor& from, const torch::Tensor& channel_bias, const torch::Tensor& tap_outside,
         torch::Tensor& to) {
  const Pixels<const Part> patches(from);
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
        if (sums.contains(y_in, x_in)) {
          add_to(total, patches.at(image, y_in, x_in) + tap * channels, channels);
        } else {
          add_to(total, outside + tap * channels, channels);
        }
      }
    }
  });
}

}  // namespace

void extract_patches(const torch::Tensor& x, bool with_edge_plane, torch::Tensor& patches) {
  // Rounds each value once instead of nine times.
  const auto rounded =
      x.to(patches.scalar_type(), /*non_blocking=*/false, /*copy=*/false, at::MemoryFormat::ChannelsLast);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, patches.scalar_type(), "extract_patches",
                                 [&] { extract<scalar_t>(rounded, with_edge_plane, patches); });
}

void add_patches(torch::Tensor& sum, const torch::Tensor& patches) {
  dispatch_patches(sum, patches, [&]<class T, class Part> { add<T, Part>(sum, patches); });
}

void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum) {
  dispatch_patches(sum, patches, [&]<class T, class Part> { cpu::sum<T, Part>(patches, bias, outside, sum); });
}

}  // namespace glow::ops::cpu
