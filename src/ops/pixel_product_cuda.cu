#include <ATen/Dispatch.h>

#include "ops/cuda_launch.cuh"
#include "ops/pixel_product.h"
#include "ops/relu_elements.h"

namespace glow::ops::cuda {
namespace {

template <class T, int kCount>
__global__ void __launch_bounds__(kThreads) mask_and_sum(ReluBackward<T, kCount> work) {
  __shared__ typename ReluBackward<T, kCount>::Sum thread_sums[kThreads * kCount];
  work.mask(blockIdx.x, blockIdx.y, threadIdx.x, thread_sums);
  __syncthreads();
  work.finish(blockIdx.x, blockIdx.y, threadIdx.x, thread_sums);
}

}  // namespace

torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y) {
  const c10::cuda::CUDAGuard guard(y.device());
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const auto processors = at::cuda::getCurrentDeviceProperties()->multiProcessorCount;
  torch::Tensor sums;
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, y.scalar_type(), "relu_backward", [&] {
    auto* gradients = gradient.data_ptr<scalar_t>();
    const auto* values = y.data_ptr<scalar_t>();
    const auto fits = [&](int count) { return channels % count == 0 && is_aligned(gradients, values); };
    dispatch_packed<scalar_t>(fits, [&](auto count) {
      using Work = ReluBackward<scalar_t, count>;
      const ReluBackwardGrid grid(pixels, channels / count, kThreads, processors);
      TORCH_CHECK(grid.parts < 65536, "too many pixels for one kernel: ", pixels);
      sums =
          torch::empty({grid.parts, channels}, y.options().dtype(c10::CppTypeToScalarType<typename Work::Sum>::value));
      const dim3 blocks(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.parts));
      const Work work{gradients,
                      values,
                      static_cast<std::uint32_t>(pixels),
                      static_cast<std::uint32_t>(channels),
                      grid,
                      sums.data_ptr<typename Work::Sum>()};
      mask_and_sum<<<blocks, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(work);
      C10_CUDA_KERNEL_LAUNCH_CHECK();
    });
  });
  return sums.sum(0);
}

}  // namespace glow::ops::cuda
