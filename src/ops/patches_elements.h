#pragma once

#include <cstdint>
#include <type_traits>

#include <ATen/Dispatch.h>
#include <torch/types.h>

#include "ops/divisor.h"
#include "ops/packed.h"

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

/// Raw access like Pixels, with 32-bit numbers within an image, which are several times faster on a GPU.
template <class T>
struct Pixels32 {
  explicit Pixels32(const torch::Tensor& x)
      : data(x.data_ptr<std::remove_const_t<T>>()),
        image_stride(x.stride(0)),
        channels(static_cast<int>(x.size(1))),
        height(static_cast<int>(x.size(2))),
        width(static_cast<int>(x.size(3))),
        row_stride(static_cast<int>(x.stride(2))),
        pixel_stride(static_cast<int>(x.stride(3))) {
    const auto numbers = (x.size(2) - 1) * x.stride(2) + (x.size(3) - 1) * x.stride(3) + x.size(1);
    TORCH_CHECK(numbers < std::int64_t{1} << 31, "too large an image for one kernel: ", numbers);
  }

  C10_HOST_DEVICE T* image(int index) const { return data + index * image_stride; }
  /// The position of a pixel in its image.
  C10_HOST_DEVICE int offset(int row, int column) const { return row * row_stride + column * pixel_stride; }
  C10_HOST_DEVICE bool contains(int row, int column) const {
    return row >= 0 && row < height && column >= 0 && column < width;
  }

  T* data;
  std::int64_t image_stride;
  int channels, height, width, row_stride, pixel_stride;
};

/// The coordinates of index = ((image * height + row) * width + column) * count + each, where a pixel has `count`
/// elements.
class PixelOrder {
 public:
  struct Position {
    int image, row, column, each;
  };

  PixelOrder(std::int64_t count, const torch::Tensor& like)
      : count_(static_cast<std::uint32_t>(count)),
        height_(static_cast<std::uint32_t>(like.size(2))),
        width_(static_cast<std::uint32_t>(like.size(3))),
        by_count_(count),
        by_height_(like.size(2)),
        by_width_(like.size(3)) {}

  C10_HOST_DEVICE Position at(std::uint32_t index) const {
    const auto pixel = by_count_.quotient(index), row = by_width_.quotient(pixel), image = by_height_.quotient(row);
    return {static_cast<int>(image), static_cast<int>(row - image * height_), static_cast<int>(pixel - row * width_),
            static_cast<int>(index - pixel * count_)};
  }

 private:
  std::uint32_t count_, height_, width_;
  Divisor by_count_, by_height_, by_width_;
};

// The work of one thread of a CUDA kernel (the formulas are in patches.h). Plain functions, so that tests run them
// without a GPU. T: dtype of the flow, Part: dtype of the patches.

/// kCount neighbouring numbers of `patches`, which is channels_last and whose channels are a multiple of kCount.
template <class T, class Part, int kCount>
class ExtractPatch {
 public:
  ExtractPatch(const torch::Tensor& x, const torch::Tensor& patches)
      : x_(x),
        patches_(patches.data_ptr<Part>()),
        planes_(static_cast<int>(patches.size(1) / 9)),
        by_planes_(patches.size(1) / 9),
        order_(patches.size(1) / kCount, patches) {}

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto at = order_.at(index);
    const T* const image = x_.image(at.image);
    int tap = static_cast<int>(by_planes_.quotient(static_cast<std::uint32_t>(at.each) * kCount));
    int plane = at.each * kCount - tap * planes_;
    T values[kCount];
    for (int n = 0; n < kCount; ++n) {
      const int row = at.row + tap / 3 - 1, column = at.column + tap % 3 - 1;
      // Channels from 9 planes on fill the patch up.
      const bool inside = x_.contains(row, column), on_edge_plane = plane == x_.channels, is_tap = tap < 9;
      values[n] = on_edge_plane && !inside && is_tap ? T(1) : T(0);
      if (inside && !on_edge_plane && is_tap) values[n] = image[x_.offset(row, column) + plane];
      if (++plane == planes_) {
        plane = 0;
        ++tap;
      }
    }
    Packed<Part, kCount> packed;
    for (int n = 0; n < kCount; ++n) packed.values[n] = static_cast<Part>(values[n]);
    store(patches_ + std::size_t{index} * kCount, packed);
  }

 private:
  Pixels32<const T> x_;
  Part* patches_;
  int planes_;
  Divisor by_planes_;
  PixelOrder order_;
};

/// The numbers of the nine parts that meet at a pixel.
template <class Part>
struct TapValues {
  /// Of channel `at.each` of parts of `planes` numbers. Loads all of them before one is used, and a number of the pixel
  /// itself in place of a neighbour outside the image, so that no load waits for another one or for a branch.
  C10_HOST_DEVICE TapValues(const Pixels32<const Part>& patches, const PixelOrder::Position& at, int planes) {
    const Part* const image = patches.image(at.image);
    for (int tap = 0; tap < 9; ++tap) {
      const int row = at.row - tap / 3 + 1, column = at.column - tap % 3 + 1;
      inside[tap] = patches.contains(row, column);
      const int offset = inside[tap] ? patches.offset(row, column) : patches.offset(at.row, at.column);
      values[tap] = image[offset + tap * planes + at.each];
    }
  }

  Part values[9];
  bool inside[9];
};

/// `index`: position of a number in the memory of `sum`, which is channels_last.
template <class T, class Part>
class SumPatches {
 public:
  SumPatches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
             const torch::Tensor& sum)
      : patches_(patches),
        bias_(bias.data_ptr<T>()),
        outside_(outside.data_ptr<T>()),
        sum_(sum.data_ptr<T>()),
        channels_(static_cast<int>(sum.size(1))),
        order_(sum.size(1), sum) {}

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto at = order_.at(index);
    const TapValues<Part> taps(patches_, at, channels_);
    T total = bias_[at.each];
    for (int tap = 0; tap < 9; ++tap) {
      total += taps.inside[tap] ? static_cast<T>(taps.values[tap]) : outside_[tap * channels_ + at.each];
    }
    sum_[index] = total;
  }

 private:
  Pixels32<const Part> patches_;
  const T* bias_;
  const T* outside_;
  T* sum_;
  int channels_;
  PixelOrder order_;
};

/// `index`: position of a number in a channels_last tensor of the shape of `sum`. `sum` itself may be a range of
/// channels of a wider tensor.
template <class T, class Part>
class AddPatches {
 public:
  AddPatches(const torch::Tensor& patches, const torch::Tensor& sum)
      : patches_(patches), sum_(sum), order_(sum.size(1), sum) {}

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto at = order_.at(index);
    const TapValues<Part> taps(patches_, at, patches_.channels / 9);
    T total = 0;
    for (int tap = 0; tap < 9; ++tap) total += taps.inside[tap] ? static_cast<T>(taps.values[tap]) : T(0);
    sum_.image(at.image)[sum_.offset(at.row, at.column) + at.each] += total;
  }

 private:
  Pixels32<const Part> patches_;
  Pixels32<T> sum_;
  PixelOrder order_;
};

}  // namespace glow::ops
