#pragma once

#include <cstdint>

namespace glow::compat {

/// Starts to count the memory of LibTorch's CPU tensors. For tests and benchmarks; cannot be undone.
void count_cpu_memory();

/// Bytes of the CPU tensors that were allocated since count_cpu_memory and are not freed.
std::int64_t cpu_memory();
/// The maximum of cpu_memory() since the last reset_peak_cpu_memory.
std::int64_t peak_cpu_memory();
void reset_peak_cpu_memory();

}  // namespace glow::compat
