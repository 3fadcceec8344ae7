#pragma once

#include <cstdint>

#include <torch/types.h>

#include <glow/train/options.h>
#include <glow/train/training_state.h>

#pragma GCC visibility push(default)

namespace glow::train {

/// Adamax as Glow's published code computes it, or textbook Adam (Kingma & Ba 2015), and the exponential moving average
/// of the weights. In update t = 1, 2, ..., of learning rate lr, with gradient g, moments m and v, weights w and
/// average a, for each parameter:
///
///     both:    m = b1*m + (1 - b1)*g,  b1 = 0.9
///     Adamax:  v = max(b2*v, |g|),         w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (v + 1e-8)
///     Adam:    v = b2*v + (1 - b2)*g^2,    w -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8)
///     both:    a = ema_decay*a + (1 - ema_decay)*w
class Optimizer {
 public:
  /// For parameters of these options (dtype and device). beta2 and ema_decay in [0, 1); ema_decay 0 keeps the latest
  /// weights as the average.
  Optimizer(OptimizerKind kind, double beta2, double ema_decay, const torch::TensorOptions& parameters);

  /// Update t = state.updates() + 1: changes the moments, parameters and average of `state` in place, in one pass,
  /// along `gradients` [P]. `wanted` is a scalar on the parameters' device: where it is 0, nothing changes. Does not
  /// wait for a device. Throws ShapeError when there are not as many gradients as parameters.
  void apply(const TrainingState& state, const torch::Tensor& gradients, const torch::Tensor& wanted,
             double learning_rate);

  /// The average debiased like Adam's moments, a / (1 - ema_decay^t): a weighted mean of the weights after each of the
  /// t updates so far, [P]. Before the first update: the parameters themselves.
  torch::Tensor averaged_parameters(const TrainingState& state) const;

 private:
  OptimizerKind kind_;
  double beta2_, ema_decay_;
  /// A StepFactors, on the parameters' device.
  torch::Tensor step_factors_;
};

/// Euclidean norm of a flat tensor [P], a scalar tensor on its device.
torch::Tensor flat_norm(const torch::Tensor& values);

/// Multiplies `gradients` [P], whose norm is the scalar tensor `norm`, by min(1, largest / norm) in place. Gradients
/// whose norm is not finite stay as they are.
void clip_norm(torch::Tensor gradients, const torch::Tensor& norm, double largest);

}  // namespace glow::train

#pragma GCC visibility pop
