#pragma once

#include <cstdint>

namespace glow {

/// The number of cores that this process may use (its CPU affinity), at least 1.
std::int64_t available_cores();

}  // namespace glow
