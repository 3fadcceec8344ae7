#include "ops/coupling.h"

#include <ATen/Dispatch.h>
#include <cub/block/block_reduce.cuh>

#include "ops/coupling_elements.h"
#include "ops/cuda_launch.cuh"

namespace glow::ops::cuda {
namespace {

/// Number of values that one block transforms.
constexpr std::uint32_t kNumbersOfABlock = 8 * kThreads;

/// Block (part, image) transforms a part of an image's values and sums their log s, in a fixed order.
template <class T>
__global__ void __launch_bounds__(kThreads) couple_image(std::uint32_t numbers, Couple<T> couple, T* sums) {
  const auto begin = blockIdx.x * kNumbersOfABlock, first = blockIdx.y * numbers;
  const auto end = min(numbers, begin + kNumbersOfABlock);
  T sum = 0;
  for (auto index = begin + threadIdx.x; index < end; index += kThreads) sum += couple(first + index);
  using Reduce = cub::BlockReduce<T, kThreads>;
  __shared__ typename Reduce::TempStorage storage;
  sum = Reduce(storage).Sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

}  // namespace

torch::Tensor couple(torch::Tensor& x, const torch::Tensor& h) {
  const c10::cuda::CUDAGuard guard(x.device());
  if (x.numel() == 0) return torch::zeros({x.size(0), 1}, x.options());
  const auto numbers = x.numel() / x.size(0) / 2;
  TORCH_CHECK(x.numel() < std::int64_t{1} << 31 && x.size(0) < 65536, "too many images for one kernel");
  const auto parts = (numbers + kNumbersOfABlock - 1) / kNumbersOfABlock;
  auto sums = torch::empty({x.size(0), parts}, x.options());
  const dim3 blocks(static_cast<unsigned>(parts), static_cast<unsigned>(x.size(0)));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "couple", [&] {
    couple_image<scalar_t><<<blocks, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
        static_cast<std::uint32_t>(numbers), Couple<scalar_t>{Pixels<scalar_t>(x), Pixels<const scalar_t>(h)},
        sums.data_ptr<scalar_t>());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return sums;
}

void uncouple(torch::Tensor& y, const torch::Tensor& h) {
  const c10::cuda::CUDAGuard guard(y.device());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "uncouple", [&] {
    for_each(y.numel() / 2, Uncouple<scalar_t>{Pixels<scalar_t>(y), Pixels<const scalar_t>(h)});
  });
}

void couple_backward(const torch::Tensor& y, const torch::Tensor& h, torch::Tensor& gradient,
                     const torch::Tensor& log_det_gradient, torch::Tensor& h_gradient) {
  const c10::cuda::CUDAGuard guard(y.device());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "couple_backward", [&] {
    for_each(y.numel() / 2, CoupleBackward<scalar_t>{Pixels<const scalar_t>(y), Pixels<const scalar_t>(h),
                                                     log_det_gradient.data_ptr<scalar_t>(), Pixels<scalar_t>(gradient),
                                                     Pixels<scalar_t>(h_gradient)});
  });
}

}  // namespace glow::ops::cuda
