#pragma once

#include <ATen/Dispatch.h>
#include <torch/types.h>

#include "ops/pixels.h"

namespace glow::ops {

/// Calls run.template operator()<T, Part>() with the dtype of x and that of the patches, which is the same or bfloat16.
template <class Run>
void dispatch_patches(const torch::Tensor& x, const torch::Tensor& patches, Run&& run) {
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "patches", [&] {
    if (patches.scalar_type() == torch::kBFloat16) {
      run.template operator()<scalar_t, c10::BFloat16>();
    } else {
      run.template operator()<scalar_t, scalar_t>();
    }
  });
}

// The work of one thread of a CUDA kernel: one number of a result (the formulas are in patches.h). Plain functions, so
// that tests run them without a GPU. T: dtype of the flow, Part: dtype of the patches.

/// `index`: position of a number in the memory of `patches`, which is channels_last.
template <class T, class Part>
struct ExtractPatch {
  Pixels<const T> x;
  Pixels<Part> patches;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const PixelIndex at(index, patches.channels, patches.height, patches.width);
    const auto planes = static_cast<int>(patches.channels / 9);
    const int tap = at.channel / planes, plane = at.channel % planes;
    const int row = at.row + tap / 3 - 1, column = at.column + tap % 3 - 1;
    // Channels from 9 planes on fill the patch up.
    const bool inside = x.contains(row, column), on_edge_plane = plane == x.channels, is_tap = tap < 9;
    T value = on_edge_plane && !inside && is_tap ? T(1) : T(0);
    if (inside && !on_edge_plane && is_tap) value = x.at(at.image, row, column)[plane];
    patches.data[index] = static_cast<Part>(value);
  }
};

/// `index`: position of a number in the memory of `sum`, which is channels_last.
template <class T, class Part>
struct SumPatches {
  Pixels<const Part> patches;
  const T* bias;
  const T* outside;
  Pixels<T> sum;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const PixelIndex at(index, sum.channels, sum.height, sum.width);
    T total = bias[at.channel];
    for (int tap = 0; tap < 9; ++tap) {
      const int row = at.row - tap / 3 + 1, column = at.column - tap % 3 + 1;
      const auto part = tap * sum.channels + at.channel;
      total += sum.contains(row, column) ? static_cast<T>(patches.at(at.image, row, column)[part]) : outside[part];
    }
    sum.data[index] = total;
  }
};

/// `index`: position of a number in a channels_last tensor of the shape of `sum`. `sum` itself may be a range of
/// channels of a wider tensor.
template <class T, class Part>
struct AddPatches {
  Pixels<const Part> patches;
  Pixels<T> sum;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const PixelIndex at(index, sum.channels, sum.height, sum.width);
    const auto planes = patches.channels / 9;
    T total = 0;
    for (int tap = 0; tap < 9; ++tap) {
      const int row = at.row - tap / 3 + 1, column = at.column - tap % 3 + 1;
      if (!sum.contains(row, column)) continue;
      total += static_cast<T>(patches.at(at.image, row, column)[tap * planes + at.channel]);
    }
    sum.at(at.image, at.row, at.column)[at.channel] += total;
  }
};

}  // namespace glow::ops
