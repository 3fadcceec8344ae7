#pragma once

namespace glow::ops {

/// The cores this process may use (its CPU affinity).
int available_threads();

/// Lets LibTorch use `count` threads for one operation, and one for running operations side by side; 0: as many as
/// available_threads(). Debian's LibTorch starts with one. An OpenBLAS that has threads of its own gets one. Call it
/// once, before any work. Throws ConfigError when negative.
void use_threads(int count = 0);

}  // namespace glow::ops
