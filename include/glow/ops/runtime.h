#pragma once

namespace glow::ops {

/// The cores this process may use (its CPU affinity).
int available_threads();

/// Sets the number of threads that LibTorch uses for one operation to `count`, or with 0 to available_threads(), and
/// those that run operations in parallel to one. Debian's LibTorch starts with one thread. An OpenBLAS that has its own
/// threads gets one. Call it once, before any work. Throws ConfigError when negative.
void use_threads(int count = 0);

/// Makes malloc keep the memory of freed tensors. By default glibc returns the megabytes of every hidden layer to the
/// system and requests them again, page by page; in sampling on the CPU this was measured to cost a quarter of the
/// speed. For programs whose main work is LibTorch's. Does nothing with another C library. Call it once, before any
/// work.
void keep_freed_memory();

}  // namespace glow::ops
