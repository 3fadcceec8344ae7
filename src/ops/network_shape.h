#pragma once

#include <cstdint>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// Learned log-scales are multiplied by this factor before use, which makes them learn faster (Glow's published code).
inline constexpr double kLogScaleFactor = 3.0;

/// The sizes of a coupling network (Glow, section 3.3): conv3x3 -> actnorm -> ReLU -> conv1x1 -> actnorm -> ReLU ->
/// ZeroConv3x3, and the places of its parameters in a row of `numbers()` numbers, in the order of
/// CouplingNetImpl::named_parameters: weight, bias and log_scale of each of the three convolutions.
struct NetworkShape {
  /// Channels of x1, without the edge plane.
  std::int64_t channels = 1;
  /// Whether the 3x3 convolutions have an edge plane (patches.h) as a further input.
  bool edge = true;
  /// Channels of the hidden layers and of the network's output h.
  std::int64_t width = 1, outputs = 1;

  C10_HOST_DEVICE std::int64_t planes() const { return channels + (edge ? 1 : 0); }

  /// The lengths of the rows of patches of x1 and of h, 9 planes() and 9 outputs, padded with zeros: products of rows
  /// that begin at multiples of 16 bytes are faster, on GPUs above all.
  C10_HOST_DEVICE std::int64_t gathered() const { return padded(9 * planes()); }
  C10_HOST_DEVICE std::int64_t summed() const { return padded(9 * outputs); }

  /// [width, 3, 3, planes], then [width] twice
  C10_HOST_DEVICE std::int64_t weight1() const { return 0; }
  C10_HOST_DEVICE std::int64_t bias1() const { return weight1() + width * 9 * planes(); }
  C10_HOST_DEVICE std::int64_t log_scale1() const { return bias1() + width; }
  /// [width, width], then [width] twice
  C10_HOST_DEVICE std::int64_t weight2() const { return log_scale1() + width; }
  C10_HOST_DEVICE std::int64_t bias2() const { return weight2() + width * width; }
  C10_HOST_DEVICE std::int64_t log_scale2() const { return bias2() + width; }
  /// [outputs, 3, 3, width (+ 1)], then [outputs] twice
  C10_HOST_DEVICE std::int64_t weight3() const { return log_scale2() + width; }
  C10_HOST_DEVICE std::int64_t bias3() const { return weight3() + outputs * 9 * inputs3(); }
  C10_HOST_DEVICE std::int64_t log_scale3() const { return bias3() + outputs; }
  C10_HOST_DEVICE std::int64_t numbers() const { return log_scale3() + outputs; }

  /// The inputs of the third convolution, with the edge plane.
  C10_HOST_DEVICE std::int64_t inputs3() const { return width + (edge ? 1 : 0); }

 private:
  C10_HOST_DEVICE static std::int64_t padded(std::int64_t length) {
    constexpr std::int64_t kMultiple = 8;
    return (length + kMultiple - 1) / kMultiple * kMultiple;
  }
};

}  // namespace glow::ops
