#pragma once

#include <cstdint>

#include <torch/types.h>

#include <glow/train/options.h>
#include <glow/train/weight_average.h>

namespace glow::train {

/// Adamax as the reference computes it, or textbook Adam, over one flat buffer.
///
///     both:    m = b1*m + (1 - b1)*g
///     Adamax:  v = max(b2*v, |g|),         w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (v + 1e-8)
///     Adam:    v = b2*v + (1 - b2)*g^2,    w -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8)
class Optimizer {
 public:
  /// State for `parameters` [P], which `step` updates in place.
  Optimizer(OptimizerKind kind, const torch::Tensor& parameters, double beta2);

  /// One step along `gradients` [P]. Throws ShapeError when they are not as many as the parameters.
  void step(torch::Tensor parameters, const torch::Tensor& gradients, double learning_rate);

  // The same in two, for a step of which the arithmetic is captured once and replayed; who uses them counts `steps`.

  /// Sets what depends on the number of the step that comes next.
  void prepare(double learning_rate);
  /// The arithmetic, in one pass. `average`, if not null, follows the parameters; `wanted`, if defined, is a scalar on
  /// their device, and where it is 0 nothing changes.
  void apply(torch::Tensor parameters, const torch::Tensor& gradients, WeightAverage* average = nullptr,
             const torch::Tensor& wanted = {});

  /// [P] each, and the steps taken: what a checkpoint keeps.
  torch::Tensor first_moment, second_moment;
  std::int64_t steps = 0;

 private:
  OptimizerKind kind_;
  double beta2_;
  /// A StepFactors, on the parameters' device.
  torch::Tensor step_factors_;
};

/// Euclidean norm of a flat tensor [P], a scalar tensor on its device.
torch::Tensor flat_norm(const torch::Tensor& values);

/// Scales `gradients` [P], whose norm is the scalar tensor `norm`, in place so that it is at most `largest`.
void clip_norm(torch::Tensor gradients, const torch::Tensor& norm, double largest);

}  // namespace glow::train
