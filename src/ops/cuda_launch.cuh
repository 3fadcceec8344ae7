#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

namespace glow::ops::cuda {

inline constexpr unsigned kThreads = 256;

template <class Element>
__global__ void __launch_bounds__(kThreads) run_elements(std::uint32_t count, Element element) {
  const auto stride = gridDim.x * kThreads;
  for (auto index = blockIdx.x * kThreads + threadIdx.x; index < count; index += stride) element(index);
}

/// Runs element(0) ... element(count - 1) on the current stream of the current device. Callers set the device.
template <class Element>
void for_each(std::int64_t count, const Element& element) {
  // 32-bit divisions are several times faster, and the tensors of a training step are far below the limit.
  TORCH_CHECK(count < std::int64_t{1} << 31, "too many numbers for one kernel: ", count);
  if (count == 0) return;
  constexpr std::int64_t kBlocksPerProcessor = 16;
  const auto most = at::cuda::getCurrentDeviceProperties()->multiProcessorCount * kBlocksPerProcessor;
  const auto blocks = std::min<std::int64_t>((count + kThreads - 1) / kThreads, most);
  run_elements<<<static_cast<unsigned>(blocks), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
      static_cast<std::uint32_t>(count), element);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace glow::ops::cuda
