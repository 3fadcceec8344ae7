#pragma once

namespace glow::ops {

/// Lets this process keep what its tensors free. By default glibc gives the megabytes of every hidden layer back to the
/// system and takes them again, page by page, which costs a model on the CPU a quarter of its speed, as seen in
/// sampling. For programs that do little else; does nothing with another C library. Call it once, before any work.
void keep_freed_memory();

}  // namespace glow::ops
