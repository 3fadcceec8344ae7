#include <algorithm>
#include <type_traits>

#include "ops/patches.h"
#include "ops/patches_elements.h"
#include "ops/pixels.h"
#include "ops/vectorized.h"

namespace glow::ops::cpu {
namespace {

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

/// Sums over the nine taps of a pixel: of its neighbours' parts, and of `outside` [9, C] for neighbours outside the
/// image, if it is not null. They are added to `bias` [C], or to `sums` if it is null.
template <class T, class Part>
struct TapSums {
  Pixels<const Part> patches;
  /// Numbers of a part.
  std::int64_t planes;
  const T* bias;
  const T* outside;
  Pixels<T> sums;
};

template <class T, class Part>
GLOW_INLINE void add_to(T* total, const Part* part, std::int64_t channels) {
  for (std::int64_t channel = 0; channel < channels; ++channel) total[channel] += static_cast<T>(part[channel]);
}

/// A row of pixels of `channels` channels. A constant number of them is summed in registers.
template <class Channels, class T, class Part>
GLOW_INLINE void sum_row_of(const TapSums<T, Part>& of, Channels channels, std::int64_t image, std::int64_t row) {
  constexpr bool kIsConstant = !std::is_same_v<Channels, std::int64_t>;
  for (std::int64_t column = 0; column < of.sums.width; ++column) {
    T* const to = of.sums.at(image, row, column);
    T registers[kIsConstant ? Channels() : 1];
    T* const total = kIsConstant ? registers : to;
    const T* const start = of.bias != nullptr ? of.bias : to;
    if (start != total) std::copy_n(start, channels, total);
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const auto y_in = row - tap / 3 + 1, x_in = column - tap % 3 + 1;
      if (of.sums.contains(y_in, x_in)) {
        add_to(total, of.patches.at(image, y_in, x_in) + tap * of.planes, channels);
      } else if (of.outside != nullptr) {
        add_to(total, of.outside + tap * channels, channels);
      }
    }
    if (kIsConstant) std::copy_n(total, channels, to);
  }
}
template <class T, class Part>
void sum_row(const TapSums<T, Part>& of, std::int64_t image, std::int64_t row) {
  sum_row_of(of, of.sums.channels, image, row);
}
GLOW_VECTORIZED void sum_row(const TapSums<float, float>& of, std::int64_t image, std::int64_t row) {
  const auto run = [&](auto channels) __attribute__((always_inline)) { sum_row_of(of, channels, image, row); };
  // Those of the levels of usual models, and half of them.
  switch (of.sums.channels) {
    case 2:
      return run(std::integral_constant<std::int64_t, 2>());
    case 4:
      return run(std::integral_constant<std::int64_t, 4>());
    case 6:
      return run(std::integral_constant<std::int64_t, 6>());
    case 8:
      return run(std::integral_constant<std::int64_t, 8>());
    case 12:
      return run(std::integral_constant<std::int64_t, 12>());
    case 24:
      return run(std::integral_constant<std::int64_t, 24>());
    case 48:
      return run(std::integral_constant<std::int64_t, 48>());
    default:
      return run(of.sums.channels);
  }
}

template <class T, class Part>
void sum_taps(const TapSums<T, Part>& of, const torch::Tensor& sum) {
  for_each_row(sum, of.patches.channels * of.patches.width,
               [&](std::int64_t image, std::int64_t row) { sum_row(of, image, row); });
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
  dispatch_patches(sum, patches, [&]<class T, class Part> {
    sum_taps<T, Part>({.patches = Pixels<const Part>(patches),
                       .planes = patches.size(1) / 9,
                       .bias = nullptr,
                       .outside = nullptr,
                       .sums = Pixels<T>(sum)},
                      sum);
  });
}

void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum) {
  dispatch_patches(sum, patches, [&]<class T, class Part> {
    sum_taps<T, Part>({.patches = Pixels<const Part>(patches),
                       .planes = sum.size(1),
                       .bias = bias.data_ptr<T>(),
                       .outside = outside.data_ptr<T>(),
                       .sums = Pixels<T>(sum)},
                      sum);
  });
}

}  // namespace glow::ops::cpu
