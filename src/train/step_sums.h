#pragma once

#include <torch/types.h>

#include <glow/distributed/communicator.h>

namespace glow::train {

/// What the images of a step give, scalar tensors on the model's device: bits/dim and class bits divided by the number
/// of those of the whole batch, the largest reconstruction error, the gradient's norm, and how many processes have been
/// asked to stop.
struct StepSums {
  torch::Tensor bits, class_bits, error, norm, stops;

  /// The same of all processes' images, out of each one's, with one message. `norm` is that of a part of the gradient
  /// then, for each process another.
  StepSums over(distributed::Communicator& processes) const;
};

}  // namespace glow::train
