#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

#include "bench/device_memory.h"
#include "compat/counting_allocator.h"

namespace glow::bench {
namespace {

namespace Allocator = c10::cuda::CUDACachingAllocator;

auto allocated_bytes() { return Allocator::getDeviceStats(c10::cuda::current_device()).allocated_bytes[0]; }

}  // namespace

std::int64_t memory(torch::Device device) {
  return device.is_cuda() ? allocated_bytes().current : compat::cpu_memory();
}

std::int64_t peak_memory(torch::Device device) {
  return device.is_cuda() ? allocated_bytes().peak : compat::peak_cpu_memory();
}

void reset_peak_memory(torch::Device device) {
  if (device.is_cuda()) {
    Allocator::resetPeakStats(c10::cuda::current_device());
  } else {
    compat::reset_peak_cpu_memory();
  }
}

}  // namespace glow::bench
