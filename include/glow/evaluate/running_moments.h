#pragma once

#include <cstdint>

#include <torch/types.h>

namespace glow::evaluate {

/// Mean and variance of numbers that come a batch at a time and are not kept, element by element: of scalars [N],
/// vectors [N, D] or anything [N, ...]. In float64 on the device of the first batch, by combining the moments of each
/// batch with those so far (Chan, Golub & LeVeque 1983), so that a large mean costs no digits of the variance.
/// A number that is not finite makes its element's results not finite: leave out what should not count.
class RunningMoments {
 public:
  /// [N, ...] with N >= 0, the same "..." every time, of any dtype. Throws ShapeError.
  void add(const torch::Tensor& batch);
  /// As if the other's batches had been added here. Throws ShapeError.
  void merge(const RunningMoments& other);

  /// How many rows there were.
  std::int64_t count() const { return count_; }
  /// [...]. Throws ConfigError when there was no row.
  torch::Tensor mean() const;
  /// Sum of squared deviations / (count - 1), [...]. Throws ConfigError when there were not two rows.
  torch::Tensor variance() const;
  /// Of the mean: sqrt(variance / count), [...]. Throws as variance.
  torch::Tensor standard_error() const;

 private:
  void combine(std::int64_t count, const torch::Tensor& mean, const torch::Tensor& squares);
  void require(std::int64_t rows) const;

  std::int64_t count_ = 0;
  torch::Tensor mean_;
  /// Sum of squared deviations from the mean.
  torch::Tensor squares_;
};

}  // namespace glow::evaluate
