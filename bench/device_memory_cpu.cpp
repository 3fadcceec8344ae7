// For a build without CUDA.
#include "bench/device_memory.h"
#include "compat/counting_allocator.h"

namespace glow::bench {

std::int64_t memory(torch::Device) { return compat::cpu_memory(); }
std::int64_t peak_memory(torch::Device) { return compat::peak_cpu_memory(); }
void reset_peak_memory(torch::Device) { compat::reset_peak_cpu_memory(); }

}  // namespace glow::bench
