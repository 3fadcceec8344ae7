#include "data/downscale.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace glow::data {
namespace {

/// The weights of the input pixels, of a row or a column, that make each output pixel.
class TriangleFilter {
 public:
  /// `scale`: input pixels an output pixel. Input pixel i is centred at i + 0.5, output pixel j at (j + 0.5) scale; the
  /// weight is max(0, 1 - distance / scale), divided by the sum. In float32, as LibTorch computes it.
  TriangleFilter(std::int64_t inputs, std::int64_t outputs, double double_scale) {
    const auto scale = static_cast<float>(double_scale), reach = std::max(scale, 1.0F);
    for (std::int64_t output = 0; output < outputs; ++output) {
      const float centre = scale * (static_cast<float>(output) + 0.5F);
      const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - reach + 0.5F));
      const auto end = std::min(inputs, static_cast<std::int64_t>(centre + reach + 0.5F));
      begins_.push_back({first, std::ssize(weights_)});
      float sum = 0;
      for (std::int64_t input = first; input < end; ++input) {
        weights_.push_back(std::max(0.0F, 1 - std::abs(static_cast<float>(input) - centre + 0.5F) / reach));
        sum += weights_.back();
      }
      for (auto weight = weights_.begin() + begins_.back().weight; weight != weights_.end(); ++weight) *weight /= sum;
    }
    begins_.push_back({inputs, std::ssize(weights_)});
  }

  std::int64_t outputs() const { return std::ssize(begins_) - 1; }
  /// The first input of an output, and the weights of this and the following inputs.
  std::int64_t first(std::int64_t output) const { return begins_[output].input; }
  std::span<const float> weights(std::int64_t output) const {
    return {weights_.data() + begins_[output].weight, weights_.data() + begins_[output + 1].weight};
  }

 private:
  struct Begin {
    std::int64_t input;
    std::int64_t weight;
  };
  std::vector<Begin> begins_;
  std::vector<float> weights_;
};

/// The channels that are computed at once, a vector register of 128 bits.
constexpr std::int64_t kLanes = 4;

/// One row of the result before it is scaled horizontally: values of all columns and channels.
void scale_rows(const PixelView& pixels, const TriangleFilter& filter, std::int64_t output, float* sums) {
  const std::int64_t count = pixels.size.width * pixels.channels;
  std::fill(sums, sums + count, 0.0F);
  const std::uint8_t* row = pixels.first + filter.first(output) * pixels.row_bytes;
  for (const float weight : filter.weights(output)) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += weight * static_cast<float>(row[i]);
    row += pixels.row_bytes;
  }
}

/// Reads up to kLanes - 1 values after those of `sums`.
void scale_columns(const float* sums, const TriangleFilter& filter, std::int64_t channels, std::uint8_t* row) {
  // Adding 2^23 rounds half to even, because a float of that size has no digits after the point.
  constexpr float kRounding = 8388608;
  for (std::int64_t output = 0; output < filter.outputs(); ++output) {
    const std::span<const float> weights = filter.weights(output);
    for (std::int64_t channel = 0; channel < channels; channel += kLanes) {
      const float* from = sums + filter.first(output) * channels + channel;
      float values[kLanes] = {};
      for (const float weight : weights) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) values[lane] += weight * from[lane];
        from += channels;
      }
      const std::int64_t lanes = std::min(kLanes, channels - channel);
      for (std::int64_t lane = 0; lane < lanes; ++lane)
        *row++ = static_cast<std::uint8_t>(values[lane] + kRounding - kRounding);
    }
  }
}

}  // namespace

std::vector<std::uint8_t> downscale(const PixelView& pixels, const Size& size, const ScaledSides& sides) {
  const TriangleFilter rows(pixels.size.height, size.height, sides.height / static_cast<double>(size.height));
  const TriangleFilter columns(pixels.size.width, size.width, sides.width / static_cast<double>(size.width));
  const std::int64_t row_bytes = size.width * pixels.channels;
  std::vector<float> sums(pixels.size.width * pixels.channels + kLanes);
  std::vector<std::uint8_t> result(size.height * row_bytes);
  for (std::int64_t row = 0; row < size.height; ++row) {
    scale_rows(pixels, rows, row, sums.data());
    scale_columns(sums.data(), columns, pixels.channels, result.data() + row * row_bytes);
  }
  return result;
}

}  // namespace glow::data
