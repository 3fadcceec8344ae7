#pragma once

#include <cstdint>

#include <torch/types.h>

namespace glow::train {

/// The exponential moving average of the weights, from zero and debiased like Adam's moments: after t updates it is the
/// weighted mean of the t values seen.
class WeightAverage {
 public:
  /// For parameters like these, [P]. decay in [0, 1); 0 keeps the latest values.
  WeightAverage(const torch::Tensor& parameters, double decay);

  /// Optimizer::apply can do the same on its way.
  void update(const torch::Tensor& parameters);
  /// [P]; before the first update there is nothing to average: `parameters` as given.
  torch::Tensor value_or(const torch::Tensor& parameters) const;

  /// [P], biased, and the updates so far: what a checkpoint keeps.
  torch::Tensor sum;
  std::int64_t updates = 0;

  double decay() const { return decay_; }

 private:
  double decay_;
};

}  // namespace glow::train
