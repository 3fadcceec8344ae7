#include <glow/ops/runtime.h>

#include <dlfcn.h>

#include <cstdlib>  // defines __GLIBC__ where the C library is glibc

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <glow/checks.h>
#include <glow/cores.h>

namespace glow::ops {
namespace {

/// Debian's OpenBLAS has its own threads, which would compete with those of OpenMP for the same cores. It computes only
/// small products; oneDNN computes the large ones.
void keep_openblas_on_one_thread() {
  using SetThreads = void (*)(int);
  if (auto* symbol = ::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) reinterpret_cast<SetThreads>(symbol)(1);
}

}  // namespace

void use_threads(int count) {
  require_at_least("threads", std::int64_t{count}, 0);
  at::set_num_threads(count > 0 ? count : static_cast<int>(default_threads()));
  keep_openblas_on_one_thread();
  try {
    at::set_num_interop_threads(1);
  } catch (const c10::Error&) {
    // LibTorch accepts only the first setting, which may be the application's.
  }
}

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
