// The address sanitizer does not check mapped files, whose last page usually extends beyond the end of the file. Linked
// with --wrap, these functions poison the rest of the page, so that a read beyond the file is detected.

#include <cstddef>

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::size_t up_to_page(std::size_t length) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (length + page - 1) / page * page;
}

}  // namespace

extern "C" {

void* __real_mmap(void* address, std::size_t length, int protection, int flags, int descriptor, off_t offset);
int __real_munmap(void* address, std::size_t length);

void* __wrap_mmap(void* address, std::size_t length, int protection, int flags, int descriptor, off_t offset) {
  void* mapping = __real_mmap(address, length, protection, flags, descriptor, offset);
  if (mapping != MAP_FAILED && descriptor >= 0) {
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(mapping) + length, up_to_page(length) - length);
  }
  return mapping;
}

int __wrap_munmap(void* address, std::size_t length) {
  ASAN_UNPOISON_MEMORY_REGION(address, up_to_page(length));
  return __real_munmap(address, length);
}

}  // extern "C"
