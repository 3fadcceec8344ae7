#pragma once

#include <cmath>
#include <cstdint>

#include <c10/macros/Macros.h>

#include "ops/network_shape.h"

namespace glow::ops {

// The arithmetic of fold_network.h, shared by the CPU's loops and the CUDA kernels. `from`: the parameters of a
// network. With s[o] = exp(kLogScaleFactor log_scale[o]):
//   W1[o, 9 planes]      = s[o] weight1[o, tap, plane],      b1[o] = s[o] bias1[o]; W2 and b2 alike
//   W3[tap * O + o, i]   = s[o] weight3[o, 8 - tap, i],      b3[o] = s[o] bias3[o]
//   outside[tap * O + o] = s[o] weight3[o, 8 - tap, width] with an edge plane, else 0
// A convolution that sums adds the product at a pixel to the pixel's neighbours; seen from a neighbour, the offset has
// the opposite sign: hence 8 - tap.

template <class T>
C10_HOST_DEVICE T scale_of(T log_scale) {
  return std::exp(log_scale * T(kLogScaleFactor));
}

/// The rows of a folded weight, unscaled, and their scales.
template <class T>
struct FoldedRows {
  const T* weight;
  const T* log_scale;
  std::int64_t count, length;
  /// Outputs and inputs of a weight that sums, else 0.
  std::int64_t outputs = 0, inputs = 0;

  C10_HOST_DEVICE const T* at(std::int64_t row) const {
    if (outputs == 0) return weight + row * length;
    return weight + (row % outputs * 9 + (8 - row / outputs)) * inputs;
  }
  C10_HOST_DEVICE T scale_of(std::int64_t row) const {
    return ops::scale_of(log_scale[outputs == 0 ? row : row % outputs]);
  }
};

template <class T>
C10_HOST_DEVICE FoldedRows<T> first_rows(const T* from, const NetworkShape& shape) {
  return {from + shape.weight1(), from + shape.log_scale1(), shape.width, 9 * shape.planes()};
}

template <class T>
C10_HOST_DEVICE FoldedRows<T> second_rows(const T* from, const NetworkShape& shape) {
  return {from + shape.weight2(), from + shape.log_scale2(), shape.width, shape.width};
}

template <class T>
C10_HOST_DEVICE FoldedRows<T> third_rows(const T* from, const NetworkShape& shape) {
  return {from + shape.weight3(), from + shape.log_scale3(), 9 * shape.outputs, shape.width, shape.outputs,
          shape.inputs3()};
}

/// Element `index` of b1, b2, b3, one after the other.
template <class T>
C10_HOST_DEVICE T folded_bias(const T* from, const NetworkShape& shape, std::int64_t index) {
  const auto width = shape.width;
  if (index < width) return from[shape.bias1() + index] * scale_of(from[shape.log_scale1() + index]);
  index -= width;
  if (index < width) return from[shape.bias2() + index] * scale_of(from[shape.log_scale2() + index]);
  index -= width;
  return from[shape.bias3() + index] * scale_of(from[shape.log_scale3() + index]);
}

/// Element `row` of `outside`.
template <class T>
C10_HOST_DEVICE T folded_outside(const T* from, const NetworkShape& shape, std::int64_t row) {
  const auto rows = third_rows(from, shape);
  return shape.edge ? rows.at(row)[shape.width] * rows.scale_of(row) : T(0);
}

// The work of one thread of a CUDA kernel. Plain functions, so that tests run them without a GPU.

/// Writes number `index` of FoldedNets::hidden in kRows.
template <class T, class H>
struct FoldHidden {
  NetworkShape shape;
  const T* parameters;
  std::int64_t stride;
  H* hidden;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto width = shape.width;
    const auto numbers = width * (shape.gathered() + width + shape.summed() + 2);
    const T* from = parameters + index / numbers * stride;
    hidden[index] = static_cast<H>(value(from, index % numbers));
  }

 private:
  C10_HOST_DEVICE T value(const T* from, std::int64_t place) const {
    const auto width = shape.width;
    if (place < width * shape.gathered()) return element(first_rows(from, shape), shape.gathered(), place);
    place -= width * shape.gathered();
    if (place < width * width) return element(second_rows(from, shape), width, place);
    place -= width * width;
    if (place < shape.summed() * width) return element(third_rows(from, shape), width, place);
    return folded_bias(from, shape, place - shape.summed() * width);
  }
  C10_HOST_DEVICE static T element(const FoldedRows<T>& rows, std::int64_t padded_length, std::int64_t place) {
    const auto row = place / padded_length, column = place % padded_length;
    return row < rows.count && column < rows.length ? rows.at(row)[column] * rows.scale_of(row) : T(0);
  }
};

/// Writes number `index` of FoldedNets::exact. `broken` [n]: 0, or NaN if a parameter of the hidden layers of a network
/// is not finite.
template <class T>
struct FoldExact {
  NetworkShape shape;
  const T* parameters;
  std::int64_t stride;
  const T* broken;
  T* exact;

  C10_HOST_DEVICE void operator()(std::uint32_t index) const {
    const auto biases = 2 * shape.width + shape.outputs, numbers = biases + 9 * shape.outputs;
    const auto network = index / numbers, place = index % numbers;
    const T* from = parameters + network * stride;
    if (place >= biases) {
      exact[index] = folded_outside(from, shape, place - biases);
    } else {
      exact[index] = folded_bias(from, shape, place) + (place >= 2 * shape.width ? broken[network] : T(0));
    }
  }
};

/// The gradient of one output of a convolution: output `each` of the three convolutions, one after the other. Threads
/// `lane` of `lanes` call `spread`, and one of them `finish`, with the sum of their results.
///
/// With s = exp(3 log_scale), W' = s W and b' = s b, from G = dL/dW' and g = dL/db': dL/dW = s G, dL/db = s g and
/// dL/dlog_scale = 3 s (sum G W + g b).
template <class T, class G>
struct UnfoldOutput {
  NetworkShape shape;
  const T* parameters;
  const G *weight1, *weight2, *weight3;
  const T *bias1, *bias2, *bias3, *outside;
  T* gradient;
  bool accumulate;

  C10_HOST_DEVICE std::int64_t outputs() const { return 2 * shape.width + shape.outputs; }

  C10_HOST_DEVICE T spread(std::int64_t each, std::int64_t lane, std::int64_t lanes) const {
    const auto width = shape.width, row = each < width ? each : each - width;
    if (each < width) {
      const auto length = 9 * shape.planes();
      return spread(weight1 + row * shape.gathered(), shape.weight1() + row * length, scale(each), length, lane, lanes);
    }
    if (each < 2 * width) {
      return spread(weight2 + row * width, shape.weight2() + row * width, scale(each), width, lane, lanes);
    }
    T sum = 0;
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const auto output = each - 2 * width, from = (8 - tap) * shape.outputs + output;
      const auto place = shape.weight3() + (output * 9 + tap) * shape.inputs3();
      sum += spread(weight3 + from * width, place, scale(each), width, lane, lanes);
      if (shape.edge && lane == 0) sum += spread(outside + from, place + width, scale(each), 1, 0, 1);
    }
    return sum;
  }

  C10_HOST_DEVICE void finish(std::int64_t each, T sum) const {
    const auto bias = place_of(each, shape.bias1(), shape.bias2(), shape.bias3());
    const auto log_scale = place_of(each, shape.log_scale1(), shape.log_scale2(), shape.log_scale3());
    const auto width = shape.width;
    const T of_bias = each < width ? bias1[each] : each < 2 * width ? bias2[each - width] : bias3[each - 2 * width];
    set(bias, scale(each) * of_bias);
    set(log_scale, T(kLogScaleFactor) * scale(each) * (sum + of_bias * parameters[bias]));
  }

  C10_HOST_DEVICE T scale(std::int64_t each) const {
    return scale_of(parameters[place_of(each, shape.log_scale1(), shape.log_scale2(), shape.log_scale3())]);
  }

 private:
  C10_HOST_DEVICE std::int64_t place_of(std::int64_t each, std::int64_t first, std::int64_t second,
                                        std::int64_t third) const {
    const auto width = shape.width;
    return each < width ? first + each : each < 2 * width ? second + each - width : third + each - 2 * width;
  }
  C10_HOST_DEVICE void set(std::int64_t place, T value) const {
    gradient[place] = accumulate ? gradient[place] + value : value;
  }
  template <class Number>
  C10_HOST_DEVICE T spread(const Number* of_folded, std::int64_t place, T factor, std::int64_t length,
                           std::int64_t lane, std::int64_t lanes) const {
    // Several sums, so that an addition need not wait for the one before it.
    constexpr int kSums = 16;
    T sums[kSums] = {};
    auto i = lane;
    for (; i + (kSums - 1) * lanes < length; i += kSums * lanes) {
      for (int j = 0; j < kSums; ++j) sums[j] += one(of_folded, place, factor, i + j * lanes);
    }
    T sum = 0;
    for (; i < length; i += lanes) sum += one(of_folded, place, factor, i);
    for (const T each : sums) sum += each;
    return sum;
  }
  template <class Number>
  C10_HOST_DEVICE T one(const Number* of_folded, std::int64_t place, T factor, std::int64_t i) const {
    const T value = static_cast<T>(of_folded[i]);
    set(place + i, factor * value);
    return value * parameters[place + i];
  }
};

}  // namespace glow::ops
