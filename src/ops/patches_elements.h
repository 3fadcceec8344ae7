#pragma once

#include "ops/pixel_index.h"
#include "ops/pixels.h"

namespace glow::ops {

// What a thread of a CUDA kernel does: one number of a result. Plain functions, so that tests run them without a GPU.
// T: dtype of the flow, Part: of patches.

/// `index`: into patches, channels_last.
template <class T, class Part>
struct ExtractPatch {
  Pixels<const T> x;
  Pixels<Part> patches;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const PixelIndex at(index, patches.channels, patches.height, patches.width);
    const auto planes = static_cast<int>(patches.channels / 9);
    const int tap = at.channel / planes, plane = at.channel % planes;
    const int row = at.row + tap / 3 - 1, column = at.column + tap % 3 - 1;
    const bool inside = x.contains(row, column), on_edge_plane = plane == x.channels;
    T value = on_edge_plane && !inside ? T(1) : T(0);
    if (inside && !on_edge_plane) value = x.at(at.image, row, column)[plane];
    patches.data[index] = static_cast<Part>(value);
  }
};

/// `index`: into the sum, channels_last.
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

/// `index`: into a channels_last tensor of the sum's shape; the sum itself may be some channels of a wider one.
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
