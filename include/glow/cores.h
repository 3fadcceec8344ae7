#pragma once

#include <cstdint>

#pragma GCC visibility push(default)

namespace glow {

/// The number of cores that this process may use, at least 1: the smaller of its CPU affinity and the CPU quota of its
/// control groups (a container's limit; cgroup v1 or v2), rounded up.
std::int64_t available_cores();

/// The number of threads for computing when none is given: the smaller of available_cores() and OMP_NUM_THREADS, if
/// this variable is set (the first number of a list like "4,2").
std::int64_t default_threads();

}  // namespace glow

#pragma GCC visibility pop
