#pragma once

namespace glow::ops {

/// Whether this processor multiplies bfloat16. Where it does not, LibTorch's products of bfloat16 are many times slower
/// than those of float32.
bool cpu_multiplies_bfloat16();

}  // namespace glow::ops
