#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace glow::ops {

/// A checksum of the values of tensors of any shape, dtype and device, in the order of their memory where they are
/// dense. It changes with every change of one 32-bit word, and with changes of several but for a chance of about 2^-64.
/// Reads the tensors once, and waits once for their device.
std::uint64_t checksum(const std::vector<at::Tensor>& tensors);

/// The same of one tensor by LibTorch's operators, as it is computed on other devices than the CPU: another number, an
/// int64 scalar on the device.
at::Tensor checksum_by_operators(const at::Tensor& tensor);

}  // namespace glow::ops
