#pragma once

#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/train/step_report.h>

namespace glow::train {

/// Scalar tensors on one device.
using StepTensors = StepNumbers<torch::Tensor>;

/// The numbers of an empty batch, on the device of a model whose parameters have these options.
StepTensors no_numbers(const torch::TensorOptions& parameters);

/// Computes the numbers of the whole batch from those of each process, with one message; `stops` counts
/// Communicator::stop_asked. The input `gradient_norm` is that of a part of the gradient, different for each process;
/// the output is that of the whole gradient.
StepTensors combined(const StepTensors& numbers, distributed::Communicator& processes);

/// The numbers as one tensor, so that one copy brings them to the host.
torch::Tensor packed(const StepTensors& numbers);
/// The same on the host; waits for the device.
StepNumbers<double> unpacked(const torch::Tensor& packed);

}  // namespace glow::train
