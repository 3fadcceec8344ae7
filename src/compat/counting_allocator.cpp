#include "compat/counting_allocator.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include <c10/core/Allocator.h>
#include <torch/version.h>

namespace glow::compat {
namespace {

std::atomic<std::int64_t> allocated{0};
std::atomic<std::int64_t> peak{0};

/// Precedes every block; one cache line long.
struct alignas(64) Header {
  std::int64_t bytes;
};

void free_block(void* data) {
  if (data == nullptr) return;
  auto* header = static_cast<Header*>(data) - 1;
  allocated -= header->bytes;
  std::free(header);
}

c10::DataPtr allocate_block(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes > 0 && ::posix_memalign(&memory, alignof(Header), sizeof(Header) + bytes) != 0) throw std::bad_alloc();
  if (memory == nullptr) return {nullptr, nullptr, &free_block, c10::Device(c10::DeviceType::CPU)};
  auto* header = new (memory) Header{static_cast<std::int64_t>(bytes)};
  const auto now = allocated += header->bytes;
  auto highest = peak.load();
  while (now > highest && !peak.compare_exchange_weak(highest, now)) {
  }
  return {header + 1, header + 1, &free_block, c10::Device(c10::DeviceType::CPU)};
}

/// Allocates aligned memory, as LibTorch's allocator does, and counts it.
class CountingAllocator final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(std::size_t bytes) override { return allocate_block(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
#else
  c10::DataPtr allocate(std::size_t bytes) const override { return allocate_block(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
};

}  // namespace

void count_cpu_memory() {
  static CountingAllocator allocator;
  c10::SetAllocator(c10::DeviceType::CPU, &allocator, /*priority=*/1);
}

std::int64_t cpu_memory() { return allocated; }
std::int64_t peak_cpu_memory() { return peak; }
void reset_peak_cpu_memory() { peak = allocated.load(); }

}  // namespace glow::compat
