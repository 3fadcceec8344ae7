#include "data/downscale.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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

/// A vector register of 128 bits, which every processor has.
using Lanes = float __attribute__((vector_size(16)));
constexpr std::int64_t kLanes = 4;

/// One row of the result before it is scaled horizontally: values of all columns and channels.
void scale_rows(const PixelView& pixels, const TriangleFilter& filter, std::int64_t output, float* sums) {
  constexpr std::int64_t kBlock = 16;  // these sums stay in registers
  const std::int64_t count = pixels.size.width * pixels.channels;
  const std::uint8_t* first = pixels.first + filter.first(output) * pixels.row_bytes;
  // By way of unsigned, to which compilers extend a vector of bytes in fewer instructions.
  const auto to_float = [](std::uint8_t byte) { return static_cast<float>(static_cast<int>(unsigned{byte})); };
  const auto add = [&](std::int64_t begin, std::int64_t size) {
    float block[kBlock] = {};
    const std::uint8_t* row = first + begin;
    for (const float weight : filter.weights(output)) {
      for (std::int64_t i = 0; i < size; ++i) block[i] += weight * to_float(row[i]);
      row += pixels.row_bytes;
    }
    std::copy(block, block + size, sums + begin);
  };
  std::int64_t begin = 0;
  for (; begin + kBlock <= count; begin += kBlock) add(begin, kBlock);
  add(begin, count - begin);
}

/// `sums` and `row` must have room for kLanes - 1 more values than there are; those of `row` are overwritten.
void scale_columns(const float* sums, const TriangleFilter& filter, std::int64_t channels, std::uint8_t* row) {
  // Adding 2^23 rounds half to even, because a float of that size has no digits after the point; its last digits are
  // then those of the whole number.
  constexpr float kRounding = 8388608;
  for (std::int64_t output = 0; output < filter.outputs(); ++output) {
    const std::span<const float> weights = filter.weights(output);
    for (std::int64_t channel = 0; channel < channels; channel += kLanes) {
      const float* from = sums + filter.first(output) * channels + channel;
      Lanes values{};
      for (const float weight : weights) {
        Lanes inputs;
        std::memcpy(&inputs, from, sizeof inputs);
        values += weight * inputs;
        from += channels;
      }
      values += kRounding;
      std::uint32_t whole[kLanes];
      std::memcpy(whole, &values, sizeof whole);
      for (std::int64_t lane = 0; lane < kLanes; ++lane) row[channel + lane] = static_cast<std::uint8_t>(whole[lane]);
    }
    row += channels;
  }
}

}  // namespace

std::vector<std::uint8_t> downscale(const PixelView& pixels, const Size& size, const ScaledSides& sides) {
  const TriangleFilter rows(pixels.size.height, size.height, sides.height / static_cast<double>(size.height));
  const TriangleFilter columns(pixels.size.width, size.width, sides.width / static_cast<double>(size.width));
  const std::int64_t row_bytes = size.width * pixels.channels;
  std::vector<float> sums(pixels.size.width * pixels.channels + kLanes);
  std::vector<std::uint8_t> result(size.height * row_bytes + kLanes);
  for (std::int64_t row = 0; row < size.height; ++row) {
    scale_rows(pixels, rows, row, sums.data());
    scale_columns(sums.data(), columns, pixels.channels, result.data() + row * row_bytes);
  }
  result.resize(size.height * row_bytes);
  return result;
}

}  // namespace glow::data
