#include <glow/ops/threads.h>

#include <dlfcn.h>
#include <sched.h>

#include <string>
#include <thread>

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <glow/error.h>

namespace glow::ops {
namespace {

/// Debian's OpenBLAS has threads of its own, which would take turns with OpenMP's on the same cores. What is left to it
/// is small: large products go through oneDNN.
void keep_openblas_on_one_thread() {
  using SetThreads = void (*)(int);
  if (auto* symbol = ::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) reinterpret_cast<SetThreads>(symbol)(1);
}

}  // namespace

int available_threads() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::thread::hardware_concurrency());
}

void use_threads(int count) {
  if (count < 0) throw ConfigError("threads", "expected a number >= 0, got " + std::to_string(count));
  at::set_num_threads(count > 0 ? count : available_threads());
  keep_openblas_on_one_thread();
  try {
    at::set_num_interop_threads(1);
  } catch (const c10::Error&) {
    // LibTorch refuses a second setting of this one; the first, or what the application chose, stands.
  }
}

}  // namespace glow::ops
