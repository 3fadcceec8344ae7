#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>

#include "ops/cuda_launch.cuh"
#include "ops/pixel_product.h"

namespace glow::ops::cuda {
namespace {

/// Threads of a block: one for each of a warp of channels, times several pixels.
constexpr unsigned kChannels = 32, kPixels = kThreads / kChannels;
constexpr std::uint32_t kPixelsPerBlock = 512;

/// Block (channels, part) sets the gradients of a part of the pixels to 0 where y is 0, and stores their sums over the
/// part in sums [parts, channels]. The order of the sum is fixed.
template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    mask_and_sum(T* gradient, const T* y, std::uint32_t pixels, std::uint32_t channels, Sum* sums) {
  const auto channel = blockIdx.x * kChannels + threadIdx.x;
  const auto begin = blockIdx.y * kPixelsPerBlock, end = min(pixels, begin + kPixelsPerBlock);
  Sum sum = 0;
  if (channel < channels) {
    for (auto pixel = begin + threadIdx.y; pixel < end; pixel += kPixels) {
      const auto index = std::size_t{pixel} * channels + channel;
      const Sum value = static_cast<Sum>(y[index]) <= 0 ? Sum(0) : static_cast<Sum>(gradient[index]);
      gradient[index] = static_cast<T>(value);
      sum += value;
    }
  }
  __shared__ Sum thread_sums[kPixels][kChannels];
  thread_sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= channels) return;
  for (unsigned other = 1; other < kPixels; ++other) sum += thread_sums[other][threadIdx.x];
  sums[blockIdx.y * channels + channel] = sum;
}

}  // namespace

torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y) {
  const c10::cuda::CUDAGuard guard(y.device());
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const auto parts = (pixels + kPixelsPerBlock - 1) / kPixelsPerBlock;
  TORCH_CHECK(parts < 65536, "too many pixels for one kernel: ", pixels);
  const bool is_bfloat16 = y.scalar_type() == torch::kBFloat16;
  const auto sums = torch::empty({parts, channels}, y.options().dtype(is_bfloat16 ? torch::kFloat : y.scalar_type()));
  const dim3 blocks(static_cast<unsigned>((channels + kChannels - 1) / kChannels), static_cast<unsigned>(parts));
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, y.scalar_type(), "relu_backward", [&] {
    using Sum = at::opmath_type<scalar_t>;
    mask_and_sum<scalar_t, Sum><<<blocks, dim3(kChannels, kPixels), 0, at::cuda::getCurrentCUDAStream()>>>(
        gradient.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), static_cast<std::uint32_t>(pixels),
        static_cast<std::uint32_t>(channels), sums.data_ptr<Sum>());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return sums.sum(0);
}

}  // namespace glow::ops::cuda
