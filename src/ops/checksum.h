#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace glow::ops {

/// A checksum of the values of tensors of any shape, dtype and device, in the order of memory for dense layouts. A
/// change of one 32-bit word always changes it; a change of several words leaves it unchanged with a probability of
/// about 2^-64. Reads the tensors once, and waits for their device once.
std::uint64_t checksum(const std::vector<at::Tensor>& tensors);

/// The checksum of one tensor by LibTorch's operators, for devices other than the CPU: an int64 scalar on the device.
/// Differs from the checksum of the same tensor on the CPU.
at::Tensor checksum_by_operators(const at::Tensor& tensor);

}  // namespace glow::ops
