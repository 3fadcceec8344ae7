#pragma once

#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/train/step_report.h>

namespace glow::train {

/// Scalar tensors on one device.
using StepTensors = StepNumbers<torch::Tensor>;

/// Those of no images at all, of a model whose parameters have these options.
StepTensors no_numbers(const torch::TensorOptions& parameters);

/// The numbers of the whole batch from each process's own, with one message; `stops` counts Communicator::stop_asked.
/// `gradient_norm` is that of a part of the gradient before, for each process another, and of all of it afterwards.
StepTensors combined(const StepTensors& numbers, distributed::Communicator& processes);

/// As one tensor, so that they come to the host with one copy.
torch::Tensor packed(const StepTensors& numbers);
/// The same on the host; waits for the device.
StepNumbers<double> unpacked(const torch::Tensor& packed);

}  // namespace glow::train
