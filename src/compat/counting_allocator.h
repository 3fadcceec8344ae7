#pragma once

#include <cstdint>

namespace glow::compat {

/// From now on counts what LibTorch's tensors take on the CPU. For tests and benchmarks; cannot be undone.
void count_cpu_memory();

/// Bytes of all tensors on the CPU that were made since count_cpu_memory.
std::int64_t cpu_memory();
/// The most that they ever were, since the last reset_peak_cpu_memory.
std::int64_t peak_cpu_memory();
void reset_peak_cpu_memory();

}  // namespace glow::compat
