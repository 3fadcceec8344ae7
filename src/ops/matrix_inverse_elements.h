#pragma once

#include <cmath>
#include <cstdint>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// Gauss-Jordan elimination with partial pivoting, in place, by a team of threads: its members are
/// for_each(count, element), which calls element(0) ... element(count - 1) and then waits for all, for_each_pair(rows,
/// columns, element), which calls element(row, column) for all of them and waits, and largest(first, end, value), the
/// first index at which |value| is largest, the same for all.
template <class Team>
struct MatrixInverse {
  /// [size, size], row after row: the matrix, and at the end its inverse.
  double* matrix;
  /// [size]: the column that is eliminated.
  double* column;
  /// [size]: the row that came in the place of row i.
  std::int64_t* pivots;
  std::uint32_t size;

  /// log|det|, which for a singular matrix is not finite, nor is its inverse.
  C10_HOST_DEVICE double run(const Team& team) const {
    double log_abs_det = 0;
    for (std::uint32_t k = 0; k < size; ++k) {
      const auto pivot_row = team.largest(k, size, [&](std::uint32_t i) { return matrix[at(i, k)]; });
      const double pivot = matrix[at(pivot_row, k)];
      log_abs_det += std::log(std::fabs(pivot));
      team.for_each(1, [&](std::uint32_t) { pivots[k] = pivot_row; });
      team.for_each(size, [&](std::uint32_t j) { swap(matrix[at(k, j)], matrix[at(pivot_row, j)]); });
      team.for_each(size, [&](std::uint32_t i) {
        column[i] = matrix[at(i, k)];
        matrix[at(i, k)] = i == k ? 1 : 0;
      });
      team.for_each(size, [&](std::uint32_t j) { matrix[at(k, j)] /= pivot; });
      team.for_each_pair(size, size, [&](std::uint32_t i, std::uint32_t j) {
        if (i != k) matrix[at(i, j)] -= column[i] * matrix[at(k, j)];
      });
    }
    // What rows were exchanged for, columns of the inverse are.
    for (auto k = size; k-- > 0;) {
      const auto other = static_cast<std::uint32_t>(pivots[k]);
      team.for_each(size, [&](std::uint32_t i) { swap(matrix[at(i, k)], matrix[at(i, other)]); });
    }
    return log_abs_det;
  }

 private:
  C10_HOST_DEVICE std::size_t at(std::uint32_t row, std::uint32_t column_index) const {
    return std::size_t{row} * size + column_index;
  }
  C10_HOST_DEVICE static void swap(double& a, double& b) {
    const double before = a;
    a = b;
    b = before;
  }
};

}  // namespace glow::ops
