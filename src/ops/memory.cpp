#include <glow/ops/memory.h>

// Defines __GLIBC__ where it is.
#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace glow::ops {

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kGibibyte = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kGibibyte);
  ::mallopt(M_TRIM_THRESHOLD, kGibibyte);
  constexpr int kMoreAtOnce = 1 << 26;
  ::mallopt(M_TOP_PAD, kMoreAtOnce);
#endif
}

}  // namespace glow::ops
