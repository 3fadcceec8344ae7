#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "ops/views.h"

namespace glow::ops::cpu {

/// Images with a ring of one pixel around them, [N, H+2, W+2, planes]: 0 on the ring, or, in the edge plane, the last
/// one, 1 there and 0 inside. The 3x3 neighbourhood of a pixel is then three contiguous pieces.
template <class H>
class PaddedImages {
 public:
  /// The first `channels` channels of x, and the edge plane, if `edge`.
  PaddedImages(const torch::Tensor& x, std::int64_t channels, bool edge)
      : height_(x.size(2)), width_(x.size(3)), planes_(channels + (edge ? 1 : 0)) {
    const auto images = x.size(0);
    constexpr auto kType = std::is_same_v<H, float> ? torch::kFloat : torch::kBFloat16;
    memory_ = empty_on_cpu({images * (height_ + 2) * (width_ + 2) * planes_}, kType);
    const float* from = x.data_ptr<float>();
    H* to = memory_.data_ptr<H>();
    const auto row_length = (width_ + 2) * planes_, all_channels = x.size(1);
    at::parallel_for(0, images * (height_ + 2), 8, [&](std::int64_t begin, std::int64_t end) {
      for (auto row = begin; row < end; ++row) {
        const auto y = row % (height_ + 2) - 1, image = row / (height_ + 2);
        H* pixel = to + row * row_length;
        for (std::int64_t column = -1; column <= width_; ++column, pixel += planes_) {
          const bool inside = y >= 0 && y < height_ && column >= 0 && column < width_;
          if (inside) {
            std::copy_n(from + ((image * height_ + y) * width_ + column) * all_channels, channels, pixel);
          } else {
            std::fill_n(pixel, channels, H(0));
          }
          if (edge) pixel[channels] = inside ? H(0) : H(1);
        }
      }
    });
  }

  /// The patches of pixels [first, first + count), in rows of `length` numbers, filled up with zeros.
  void gather(std::int64_t first, std::int64_t count, std::int64_t length, H* to) const {
    const H* from = memory_.data_ptr<H>();
    const auto piece = 3 * planes_, row_length = (width_ + 2) * planes_;
    auto x = first % width_, row = first / width_;
    for (std::int64_t pixel = 0; pixel < count; ++pixel, to += length) {
      const H* corner = from + (row + row / height_ * 2) * row_length + x * planes_;
      for (std::int64_t dy = 0; dy < 3; ++dy) std::copy_n(corner + dy * row_length, piece, to + dy * piece);
      std::fill(to + 3 * piece, to + length, H(0));
      if (++x == width_) {
        x = 0;
        ++row;
      }
    }
  }

 private:
  std::int64_t height_, width_, planes_;
  torch::Tensor memory_;
};

}  // namespace glow::ops::cpu
