// Replaces the functions of the C library that allocate memory by ones that count their calls and then call the
// library's. The functions of a program come before those of all libraries, also for the calls of other libraries.
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>  // defines __GLIBC__ where the C library is glibc

#include "bench/counts.h"

// dlsym allocates memory itself in glibc before 2.34.
#if defined(GLOW_WITHOUT_SANITIZER) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define GLOW_COUNTS_ALLOCATIONS
#endif
#endif

#ifdef GLOW_COUNTS_ALLOCATIONS

namespace {

constinit std::atomic<bool> is_counting{false};
constinit std::atomic<std::int64_t> allocations{0};

/// The function that a name would stand for without this file.
template <class Function>
class Replaced {
 public:
  explicit constexpr Replaced(const char* name) : name_(name) {}
  /// Counts a call, for which the caller then uses the function.
  Function* counted() {
    if (is_counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
    auto* function = function_.load(std::memory_order_relaxed);
    if (function == nullptr) function_ = function = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
    return function;
  }

 private:
  const char* name_;
  std::atomic<Function*> function_{nullptr};
};

using Size = std::size_t;
constinit Replaced<void*(Size)> replaced_malloc("malloc");
constinit Replaced<void*(Size, Size)> replaced_calloc("calloc");
constinit Replaced<void*(void*, Size)> replaced_realloc("realloc");
constinit Replaced<int(void**, Size, Size)> replaced_posix_memalign("posix_memalign");
constinit Replaced<void*(Size, Size)> replaced_aligned_alloc("aligned_alloc");

}  // namespace

extern "C" {
void* malloc(Size bytes) noexcept { return replaced_malloc.counted()(bytes); }
void* calloc(Size count, Size bytes) noexcept { return replaced_calloc.counted()(count, bytes); }
void* realloc(void* memory, Size bytes) noexcept { return replaced_realloc.counted()(memory, bytes); }
int posix_memalign(void** memory, Size alignment, Size bytes) noexcept {
  return replaced_posix_memalign.counted()(memory, alignment, bytes);
}
void* aligned_alloc(Size alignment, Size bytes) noexcept { return replaced_aligned_alloc.counted()(alignment, bytes); }
}

std::optional<std::int64_t> glow::bench::count_allocations(const Work& work) {
  const auto before = allocations.load();
  is_counting = true;
  work();
  is_counting = false;
  return allocations.load() - before;
}

#else

std::optional<std::int64_t> glow::bench::count_allocations(const Work&) { return std::nullopt; }

#endif
