#include "ops/pixel_product_cuda.h"

#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>

#include "ops/cuda_launch.cuh"

namespace glow::ops::cuda {
namespace {

/// A block is as wide as a warp, a channel each, and looks at several pixels at once.
constexpr unsigned kChannels = 32, kPixels = kThreads / kChannels;
constexpr std::uint32_t kPixelsOfABlock = 512;

/// Block (channels, part) masks a part of the pixels and adds up its gradients in sums [parts, channels], always in the
/// same order.
template <class T, class Sum>
__global__ void __launch_bounds__(kThreads)
    mask_and_sum(T* gradient, const T* y, std::uint32_t pixels, std::uint32_t channels, Sum* sums) {
  const auto channel = blockIdx.x * kChannels + threadIdx.x;
  const auto begin = blockIdx.y * kPixelsOfABlock, end = min(pixels, begin + kPixelsOfABlock);
  Sum sum = 0;
  if (channel < channels) {
    for (auto pixel = begin + threadIdx.y; pixel < end; pixel += kPixels) {
      const auto index = std::size_t{pixel} * channels + channel;
      const Sum value = static_cast<Sum>(y[index]) <= 0 ? Sum(0) : static_cast<Sum>(gradient[index]);
      gradient[index] = static_cast<T>(value);
      sum += value;
    }
  }
  __shared__ Sum of_threads[kPixels][kChannels];
  of_threads[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= channels) return;
  for (unsigned other = 1; other < kPixels; ++other) sum += of_threads[other][threadIdx.x];
  sums[blockIdx.y * channels + channel] = sum;
}

}  // namespace

torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y) {
  const c10::cuda::CUDAGuard guard(y.device());
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const auto parts = (pixels + kPixelsOfABlock - 1) / kPixelsOfABlock;
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
