#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "ops/fold_dispatch.h"
#include "ops/fold_elements.h"
#include "ops/fold_network.h"
#include "ops/panels.h"
#include "ops/transpose.h"
#include "ops/vectorized.h"

namespace glow::ops::cpu {
namespace {

/// Rows that one task folds: a cache line of float32 in a transposed weight. They are within a panel.
constexpr std::int64_t kRowsOfTask = 16;
static_assert(kPanelColumns<float> % kRowsOfTask == 0 && kPanelColumns<c10::BFloat16> % kRowsOfTask == 0);

std::int64_t tasks_for(std::int64_t rows) { return (rows + kRowsOfTask - 1) / kRowsOfTask; }

/// A weight W [rows, length] as it lies in a network's parameters, and its folded form [padded_rows, padded_length].
template <class T>
struct FoldedMatrix {
  FoldedRows<T> rows;
  std::int64_t padded_rows, padded_length;
};

/// to = scale * from. Returns 0, or NaN if a result is not finite.
template <class T, class H>
GLOW_INLINE T scale_into(const T* from, T scale, std::int64_t length, H* to) {
  T checks[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const T value = from[i + lane] * scale;
      checks[lane] += value * 0;
      to[i + lane] = static_cast<H>(value);
    }
  }
  T check = 0;
  for (; i < length; ++i) {
    const T value = from[i] * scale;
    check += value * 0;
    to[i] = static_cast<H>(value);
  }
  for (const T each : checks) check += each;
  return check;
}
GLOW_VECTORIZED float scale_row(const float* from, float scale, std::int64_t length, float* to) {
  return scale_into(from, scale, length, to);
}
GLOW_VECTORIZED float scale_row(const float* from, float scale, std::int64_t length, c10::BFloat16* to) {
  return scale_into(from, scale, length, to);
}
GLOW_VECTORIZED double scale_row(const double* from, double scale, std::int64_t length, double* to) {
  return scale_into(from, scale, length, to);
}
double scale_row(const double* from, double scale, std::int64_t length, c10::BFloat16* to) {
  return scale_into(from, scale, length, to);
}

/// Writes rows [begin, end) of a folded matrix, each of padded_length numbers, one after the other. Returns 0, or NaN
/// if a number is not finite.
template <class T, class H>
T fold_by_rows(const FoldedMatrix<T>& matrix, std::int64_t begin, std::int64_t end, H* to) {
  T check = 0;
  for (auto row = begin; row < end; ++row, to += matrix.padded_length) {
    const auto length = row < matrix.rows.count ? matrix.rows.length : 0;
    if (length > 0) check += scale_row(matrix.rows.at(row), matrix.rows.scale_of(row), length, to);
    std::fill(to + length, to + matrix.padded_length, H(0));
  }
  return check;
}

/// Copies rows [begin, end) of W [rows, length], `from`, to where they lie in W as a right factor in panels.
template <class H>
void store_backward(const H* from, std::int64_t begin, std::int64_t end, std::int64_t rows, std::int64_t length,
                    H* to) {
  for_each_panel<H>(length, [&](std::int64_t column, std::int64_t width) {
    H* panel = to + panel_offset(rows, column) + begin * width;
    const H* row = from + column;
    if constexpr (kInPairs<H>) {
      for (auto i = begin; i < end; i += 2, row += 2 * length, panel += 2 * width) {
        interleave(row, row + length, width, panel);
      }
    } else {
      for (auto i = begin; i < end; ++i, row += length, panel += width) std::copy_n(row, width, panel);
    }
  });
}

/// The same for W^T. The rows are within a panel.
template <class H>
void store_forward(const H* from, std::int64_t begin, std::int64_t end, std::int64_t rows, std::int64_t length, H* to) {
  // Numbers, or pairs of them, of 4 bytes.
  constexpr std::int64_t kPair = kInPairs<H> ? 2 : 1;
  const auto first = begin / kPanelColumns<H> * kPanelColumns<H>;
  transpose(from, length / kPair, end - begin, length / kPair,
            to + panel_offset(length, first) + (begin - first) * kPair, panel_width<H>(rows, first));
}

/// Writes the rows of a task in any layout. Returns as fold_by_rows.
template <class T, class H>
T fold_rows(const FoldedMatrix<T>& matrix, FoldedLayout layout, std::int64_t task, H* to) {
  const auto begin = task * kRowsOfTask, end = std::min(begin + kRowsOfTask, matrix.padded_rows);
  const auto length = matrix.padded_length;
  if (layout == FoldedLayout::kRows) return fold_by_rows(matrix, begin, end, to + begin * length);
  thread_local std::vector<H> rows;
  rows.resize(std::max(rows.size(), static_cast<std::size_t>(kRowsOfTask * length)));
  const T check = fold_by_rows(matrix, begin, end, rows.data());
  const auto store = layout == FoldedLayout::kForwardBlocks ? store_forward<H> : store_backward<H>;
  store(rows.data(), begin, end, matrix.padded_rows, length, to);
  return check;
}

template <class T, class H>
void fold(const torch::Tensor& parameters, FoldedNets& folded) {
  const auto& shape = folded.shape;
  const auto width = shape.width;
  const auto tasks1 = tasks_for(width), tasks2 = tasks_for(width), tasks3 = tasks_for(shape.summed());
  const auto tasks = tasks1 + tasks2 + tasks3, networks = parameters.size(0);
  std::vector<std::atomic<bool>> is_broken(static_cast<std::size_t>(networks));
  at::parallel_for(0, networks * tasks, 1, [&](std::int64_t first, std::int64_t last) {
    for (auto each = first; each < last; ++each) {
      const auto network = each / tasks;
      const T* from = parameters.data_ptr<T>() + network * parameters.stride(0);
      H* to = folded.hidden.data_ptr<H>() + network * folded.hidden.size(1);
      auto task = each % tasks;
      T check = 0;
      if (task < tasks1) {
        check = fold_rows(FoldedMatrix<T>{first_rows(from, shape), width, shape.gathered()}, folded.layout, task, to);
      } else if ((task -= tasks1) < tasks2) {
        to += width * shape.gathered();
        check = fold_rows(FoldedMatrix<T>{second_rows(from, shape), width, width}, folded.layout, task, to);
      } else {
        to += width * (shape.gathered() + width);
        fold_rows(FoldedMatrix<T>{third_rows(from, shape), shape.summed(), width}, folded.layout, task - tasks2, to);
      }
      if (!(check == 0)) is_broken[static_cast<std::size_t>(network)] = true;
    }
  });
  for (std::int64_t network = 0; network < networks; ++network) {
    const T* from = parameters.data_ptr<T>() + network * parameters.stride(0);
    T* exact = folded.exact.data_ptr<T>() + network * folded.exact.size(1);
    H* rounded = folded.hidden.data_ptr<H>() + (network + 1) * folded.hidden.size(1) - 2 * width;
    T check = is_broken[static_cast<std::size_t>(network)] ? std::numeric_limits<T>::quiet_NaN() : T(0);
    for (std::int64_t i = 0; i < 2 * width; ++i) {
      exact[i] = folded_bias(from, shape, i);
      check += exact[i] * 0;
      rounded[i] = static_cast<H>(exact[i]);
    }
    for (auto i = 2 * width; i < 2 * width + shape.outputs; ++i) exact[i] = folded_bias(from, shape, i) + check;
    T* outside = exact + 2 * width + shape.outputs;
    for (std::int64_t i = 0; i < 9 * shape.outputs; ++i) outside[i] = folded_outside(from, shape, i);
  }
}

template <class T, class G>
GLOW_INLINE void unfold_each(const UnfoldOutput<T, G>& output, std::int64_t begin, std::int64_t end) {
  for (auto each = begin; each < end; ++each) output.finish(each, output.spread(each, 0, 1));
}
GLOW_VECTORIZED GLOW_FLATTEN void unfold_range(const UnfoldOutput<float, float>& output, std::int64_t begin,
                                               std::int64_t end) {
  unfold_each(output, begin, end);
}
GLOW_VECTORIZED GLOW_FLATTEN void unfold_range(const UnfoldOutput<float, c10::BFloat16>& output, std::int64_t begin,
                                               std::int64_t end) {
  unfold_each(output, begin, end);
}
template <class T, class G>
void unfold_range(const UnfoldOutput<T, G>& output, std::int64_t begin, std::int64_t end) {
  unfold_each(output, begin, end);
}

}  // namespace

void fold_networks(const torch::Tensor& parameters, FoldedNets& folded) {
  dispatch_fold(parameters, folded, [&]<class T, class H> { fold<T, H>(parameters, folded); });
}

void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor& gradient, bool accumulate) {
  dispatch_unfold(parameters, shape, folded, gradient, accumulate, [](const auto& output) {
    at::parallel_for(0, output.outputs(), 16,
                     [&](std::int64_t begin, std::int64_t end) { unfold_range(output, begin, end); });
  });
}

}  // namespace glow::ops::cpu
