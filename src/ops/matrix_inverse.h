#pragma once

#include <cmath>
#include <cstdint>

#include <c10/macros/Macros.h>
#include <torch/types.h>

#include "ops/packed.h"

namespace glow::ops {

/// Gauss-Jordan elimination with partial pivoting by a team of threads. Step k exchanges row k for the row from k on
/// with the largest |A[i, k]|, the pivot p; then
///   A[k, j] <- A[k, j] / p  and, for i != k,  A[i, j] <- A[i, j] - A[i, k] A[k, j],
/// where column k, which elimination would turn into a unit vector, holds that column of the inverse instead. Then
/// |det| is the product of all |p|, and exchanging the columns in reverse order undoes the exchanges of rows.
///
/// A panel of neighbouring columns K is eliminated in memory of its own. Its steps together multiply the matrix by a T
/// that differs from the unit matrix in the columns K alone, which are what the steps leave in the panel. So all other
/// columns j follow in one pass, after the exchanges of rows:
///   A[i, j] <- (A[i, j] if i is not in K) + sum over m in K of T[i, m] A[m, j].
///
/// A Team has for_each(count, element), which calls element(0) ... element(count - 1) and then waits for all threads,
/// for_each_pair(rows, columns, element), which calls element(row, column) for each pair and then waits, and
/// largest(first, end, value), which returns the first index at which |value| is largest, the same to all threads,
/// without waiting for them.
template <class Team>
class MatrixInverse {
 public:
  /// The columns of a panel, if there are several, and the rows that a thread updates at a time.
  static constexpr std::uint32_t kPanel = 16, kRows = 4;

  /// The columns of a panel of a matrix: small matrices are a single panel.
  static std::uint32_t panel_width(std::uint32_t size) {
    constexpr std::uint32_t kLargestSinglePanel = 64;
    return size <= kLargestSinglePanel ? size : kPanel;
  }
  /// The float64 numbers of `workspace`: the panel [size, width], the column of the next step and the one before
  /// [2, size], and, as 32-bit numbers, the row that step k exchanged with row k and the order of the rows [2, size].
  /// An even number, because it must begin at a multiple of 16 bytes.
  static std::size_t workspace_numbers(std::uint32_t size) {
    return (std::size_t{size} * panel_width(size) + 3 * std::size_t{size} + 1) / 2 * 2;
  }

  /// `matrix` [size, size], row by row, is overwritten, `inverse` is where its inverse goes.
  C10_HOST_DEVICE MatrixInverse(double* matrix, double* inverse, double* workspace, std::uint32_t size,
                                std::uint32_t width)
      : matrix_(matrix),
        inverse_(inverse),
        panel_(workspace),
        columns_(panel_ + std::size_t{size} * width),
        pivots_(reinterpret_cast<std::uint32_t*>(columns_ + 2 * std::size_t{size})),
        order_(pivots_ + size),
        size_(size),
        width_(width) {}

  /// Inverts the matrix and returns log|det|. Neither is finite for a singular matrix.
  C10_HOST_DEVICE double run(const Team& team) const {
    // |det| = mantissa 2^exponent
    double mantissa = 1;
    std::int64_t exponent = 0;
    team.for_each(size_, [&](std::uint32_t i) { order_[i] = i; });
    for (std::uint32_t begin = 0; begin < size_; begin += width_) {
      const auto count = size_ - begin < width_ ? size_ - begin : width_;
      // Filled up with zeros.
      team.for_each_pair(size_, width_, [&](std::uint32_t i, std::uint32_t m) {
        panel(i, m) = m < count ? at(i, begin + m) : 0;
        if (m == 0) columns_[i] = at(i, begin);
      });
      for (std::uint32_t m = 0; m < count; ++m) {
        int change = 0;
        mantissa = std::frexp(mantissa * std::fabs(eliminate(team, begin, m, count)), &change);
        exponent += change;
      }
      if (count < size_) update_others(team, begin, count);
      team.for_each_pair(size_, count, [&](std::uint32_t i, std::uint32_t m) { at(i, begin + m) = panel(i, m); });
    }
    // (P A)^-1 = A^-1 P^-1: exchanged rows of the matrix are exchanged columns of the inverse.
    team.for_each_pair(size_, size_, [&](std::uint32_t i, std::uint32_t j) {
      inverse_[std::size_t{i} * size_ + order_[j]] = at(i, j);
    });
    constexpr double kLogOf2 = 0.693147180559945309417232121458;
    return std::log(mantissa) + static_cast<double>(exponent) * kLogOf2;
  }

 private:
  /// Step k = begin + m of a panel of `count` columns from `begin` on. Returns the pivot.
  C10_HOST_DEVICE double eliminate(const Team& team, std::uint32_t begin, std::uint32_t m, std::uint32_t count) const {
    const auto k = begin + m;
    const double* const column = columns_ + std::size_t{m % 2} * size_;
    double* const next_column = columns_ + std::size_t{1 - m % 2} * size_;
    const auto pivot_row = team.largest(k, size_, [&](std::uint32_t i) { return column[i]; });
    const double pivot = column[pivot_row];
    team.for_each(count, [&](std::uint32_t j) {
      const double before = panel(k, j);
      panel(k, j) = (j == m ? 1 : panel(pivot_row, j)) / pivot;
      if (pivot_row != k) panel(pivot_row, j) = before;
      if (j != 0) return;
      pivots_[k] = pivot_row;
      swap(order_[k], order_[pivot_row]);
    });
    team.for_each_pair(size_, count, [&](std::uint32_t i, std::uint32_t j) {
      if (i != k) {
        const double factor = column[i == pivot_row ? k : i];
        panel(i, j) = (j == m ? 0 : panel(i, j)) - factor * panel(k, j);
      }
      if (j == m + 1) next_column[i] = panel(i, j);
    });
    return pivot;
  }

  /// Applies the steps of the panel of `count` columns from `begin` on to the columns outside it.
  C10_HOST_DEVICE void update_others(const Team& team, std::uint32_t begin, std::uint32_t count) const {
    const auto is_other = [&](std::uint32_t j) { return j - begin >= count; };
    team.for_each(size_, [&](std::uint32_t j) {
      for (auto k = begin; k < begin + count && is_other(j); ++k) swap(at(k, j), at(pivots_[k], j));
    });
    // Of kGroups groups of rows, group g has the rows g, g + kGroups, ...
    constexpr std::uint32_t kGroups = 16;
    team.for_each_pair(kGroups, size_, [&](std::uint32_t group, std::uint32_t j) {
      if (!is_other(j)) return;
      const Factors factors(*this, begin, count, j);
      for (auto i = group; i < size_; i += kRows * kGroups) factors.apply(*this, i, kGroups, size_, begin, count);
    });
    // These rows come last, because all others are computed from what they were before.
    team.for_each(size_, [&](std::uint32_t j) {
      if (!is_other(j)) return;
      const Factors factors(*this, begin, count, j);
      for (auto i = begin; i < begin + count; ++i) at(i, j) = 0;
      for (auto i = begin; i < begin + count; i += kRows) factors.apply(*this, i, 1, begin + count, 0, 0);
    });
  }

  /// The numbers A[m, j], m in K, of one column j: in registers.
  class Factors {
   public:
    C10_HOST_DEVICE Factors(const MatrixInverse& of, std::uint32_t begin, std::uint32_t count, std::uint32_t j)
        : j_(j) {
      for (std::uint32_t m = 0; m < kPanel; ++m) values_[m] = m < count ? of.at(begin + m, j) : 0;
    }
    /// A[i, j] += sum over m of T[i, m] A[m, j] for kRows rows i = first, first + step, ... below `end`, but for those
    /// of the `left_out` rows from `begin` on. Several rows at a time, because each one waits for memory.
    C10_HOST_DEVICE void apply(const MatrixInverse& to, std::uint32_t first, std::uint32_t step, std::uint32_t end,
                               std::uint32_t begin, std::uint32_t left_out) const {
      double sums[kRows];
      const double* parts[kRows];
      bool is_wanted[kRows];
      for (std::uint32_t r = 0; r < kRows; ++r) {
        const auto i = first + r * step;
        is_wanted[r] = i < end && i - begin >= left_out;
        parts[r] = to.panel_ + std::size_t{is_wanted[r] ? i : first} * kPanel;
        sums[r] = is_wanted[r] ? to.at(i, j_) : 0;
      }
      for (std::uint32_t m = 0; m < kPanel; m += 2) {
        for (std::uint32_t r = 0; r < kRows; ++r) {
          const auto part = load<2>(parts[r] + m);
          sums[r] += part.values[0] * values_[m];
          sums[r] += part.values[1] * values_[m + 1];
        }
      }
      for (std::uint32_t r = 0; r < kRows; ++r) {
        if (is_wanted[r]) to.at(first + r * step, j_) = sums[r];
      }
    }

   private:
    std::uint32_t j_;
    double values_[kPanel];
  };

  C10_HOST_DEVICE double& at(std::uint32_t row, std::uint32_t column) const {
    return matrix_[std::size_t{row} * size_ + column];
  }
  C10_HOST_DEVICE double& panel(std::uint32_t row, std::uint32_t column) const {
    return panel_[std::size_t{row} * width_ + column];
  }
  template <class T>
  C10_HOST_DEVICE static void swap(T& a, T& b) {
    const T before = a;
    a = b;
    b = before;
  }

  double* matrix_;
  double* inverse_;
  double* panel_;
  double* columns_;
  std::uint32_t* pivots_;
  std::uint32_t* order_;
  std::uint32_t size_, width_;
};

namespace cuda {

struct InverseAndLogDet {
  /// [K, C, C]
  torch::Tensor inverse;
  /// [K], log|det| of the matrices.
  torch::Tensor log_abs_det;
};

/// Inverts CUDA matrices [K, C, C] in float64. Does not wait for the device, as LibTorch's inverse would. The results
/// for a singular matrix are not finite.
InverseAndLogDet invert(const torch::Tensor& matrices);

}  // namespace cuda

}  // namespace glow::ops
