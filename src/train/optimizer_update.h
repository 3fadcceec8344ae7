#pragma once

#include <utility>

#include <ATen/Dispatch.h>
#include <torch/types.h>

#include <glow/train/options.h>

#include "train/optimizer_elements.h"

namespace glow::train {

/// A step of the optimiser: contiguous tensors [P] of one dtype and device, of which all but the gradients change.
struct OptimizerUpdate {
  OptimizerKind kind;
  double beta1, beta2, epsilon;
  /// By what part of the difference the average follows.
  double average_gain;
  torch::Tensor parameters, gradients, first_moment, second_moment;
  /// Undefined: there is none.
  torch::Tensor average;
  /// A StepFactors, where the parameters are: a captured step reads the numbers of its replay.
  torch::Tensor step_factors;
};

/// Calls run(T{}, update of an element).
template <class Run>
void dispatch_update(const OptimizerUpdate& update, Run&& run) {
  AT_DISPATCH_FLOATING_TYPES(update.parameters.scalar_type(), "optimizer", [&] {
    using T = scalar_t;
    const T gain1 = T(1 - update.beta1), beta2 = T(update.beta2), epsilon = T(update.epsilon);
    if (update.kind == OptimizerKind::kAdamax) {
      run(T{}, Adamax<T>{gain1, beta2, epsilon});
    } else {
      run(T{}, Adam<T>{gain1, beta2, T(1 - update.beta2), epsilon});
    }
  });
}

}  // namespace glow::train
