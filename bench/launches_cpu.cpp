// For a build without CUDA.
#include "bench/counts.h"

std::optional<std::int64_t> glow::bench::captured_launches() { return std::nullopt; }
