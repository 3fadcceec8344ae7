#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace glow::ops {

/// A checksum of the values of a tensor of any shape, dtype and device, in the order of its memory where it is dense.
/// It changes with every change of one value, and with other changes (several values, values that change places) but
/// for coincidences of a chance of about 2^-64. Reads the tensor once; waits for its device.
std::uint64_t checksum(const at::Tensor& tensor);

/// The same by LibTorch's operators, as it is computed on other devices than the CPU; another number.
std::uint64_t checksum_by_operators(const at::Tensor& tensor);

}  // namespace glow::ops
