#pragma once

#include <ATen/core/Tensor.h>

namespace glow::ops {

/// Whether no number of the tensor is infinite or NaN; true for integers. Reads dense float32 and float64 on the CPU
/// once and allocates nothing. Waits for the tensor's device.
bool all_finite(const at::Tensor& tensor);

}  // namespace glow::ops
