#pragma once

#include <cstdint>
#include <optional>

#include "bench/timing.h"

namespace glow::bench {

// Each function with `work` calls it once, and counts what all threads do meanwhile. Nothing is counted at other times,
// so that the counts cost rates nothing but a branch in each allocation.

/// The LibTorch operators that are called through the dispatcher, those that other operators call among them.
std::int64_t count_operators(const Work& work);

/// The page faults of the process that need no reading from a disk: mostly the first use of new memory.
std::int64_t count_minor_faults(const Work& work);

/// The calls of malloc, calloc, realloc, posix_memalign and aligned_alloc, which `new` and LibTorch's CPU allocator
/// use, in this program and its libraries. Nullopt where they cannot be counted: with a sanitizer, or with a C library
/// other than glibc 2.34 or later.
std::optional<std::int64_t> count_allocations(const Work& work);

/// The kernels, copies and fills of memory in the CUDA graph that was captured last: what a GPU runs at each replay.
/// Nullopt where none was captured.
std::optional<std::int64_t> captured_launches();

}  // namespace glow::bench
