#pragma once

#include <cmath>
#include <cstdint>

#include <c10/macros/Macros.h>
#include <torch/types.h>

namespace glow::ops {

/// Gauss-Jordan elimination with partial pivoting, in place, by a team of threads. Step k exchanges row k for the row
/// from k on with the largest |A[i, k]|, the pivot p; then
///   A[k, j] <- A[k, j] / p  and, for i != k,  A[i, j] <- A[i, j] - A[i, k] A[k, j],
/// where column k, which elimination would turn into a unit vector, holds that column of the inverse instead. Then
/// log|det| = sum of log|p|, and exchanging the columns in reverse order undoes the exchanges of rows.
///
/// A Team has for_each(count, element), which calls element(0) ... element(count - 1) and then waits for all threads,
/// for_each_pair(rows, columns, element), which calls element(row, column) for each pair and then waits, and
/// largest(first, end, value), which returns the first index at which |value| is largest, the same to all threads.
template <class Team>
struct MatrixInverse {
  /// [size, size], row by row: the matrix, replaced by its inverse.
  double* matrix;
  /// [size]: the column being eliminated, as it was before the step.
  double* column;
  /// [size]: the row that step i exchanged with row i.
  std::int64_t* pivots;
  std::uint32_t size;

  /// Inverts the matrix and returns log|det|. Neither is finite for a singular matrix.
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
    // (P A)^-1 = A^-1 P^-1: exchanged rows of the matrix are exchanged columns of the inverse.
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
