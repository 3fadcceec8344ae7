#include <ATen/Dispatch.h>

#include "ops/cuda_launch.cuh"
#include "ops/map_gradient_elements.h"
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

template <class T, int kSums>
__global__ void __launch_bounds__(MapGradient<T, kSums>::kThreads)
    sum_outer_products(MapGradient<T, kSums> work, T* sums) {
  using Work = MapGradient<T, kSums>;
  __shared__ T tile[Work::kTile];
  typename Work::Sums of_thread(work, threadIdx.x);
  const auto end = work.end(blockIdx.x);
  for (auto first = work.begin(blockIdx.x); first < end; first += Work::kTilePixels) {
    const auto count = min(Work::kTilePixels, end - first);
    work.load(first, count, threadIdx.x, tile);
    __syncthreads();
    of_thread.add(tile, count);
    __syncthreads();
  }
  work.store(blockIdx.x, threadIdx.x, of_thread, sums);
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

torch::Tensor narrow_map_gradient(const torch::Tensor& gradient, const torch::Tensor& x) {
  const c10::cuda::CUDAGuard guard(x.device());
  const auto outputs = gradient.size(1), inputs = x.size(1), pixels = x.numel() / inputs;
  TORCH_CHECK(pixels < std::int64_t{1} << 31, "too many pixels for one kernel: ", pixels);
  torch::Tensor sums;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "narrow_map_gradient", [&] {
    dispatch_map_gradient(outputs, inputs, [&](auto sums_of_thread) {
      using Work = MapGradient<scalar_t, sums_of_thread>;
      static_assert(Work::kMostChannels == kNarrowMap);
      const Work work(gradient, x, at::cuda::getCurrentDeviceProperties()->multiProcessorCount);
      sums = torch::empty({work.parts, outputs, inputs + 1}, x.options());
      sum_outer_products<<<static_cast<unsigned>(work.parts), Work::kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
          work, sums.data_ptr<scalar_t>());
      C10_CUDA_KERNEL_LAUNCH_CHECK();
    });
  });
  return sums.sum(0);
}

}  // namespace glow::ops::cuda
