#pragma once

#include <cstdint>

#include <torch/types.h>

namespace glow::bench {

/// Bytes of all tensors on the device now, and the maximum since reset_peak_memory. On the CPU only tensors that were
/// created after compat::count_cpu_memory are counted.
std::int64_t memory(torch::Device device);
std::int64_t peak_memory(torch::Device device);
void reset_peak_memory(torch::Device device);

}  // namespace glow::bench
