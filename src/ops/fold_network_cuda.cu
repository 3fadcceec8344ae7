#include "ops/cuda_launch.cuh"
#include "ops/fold_dispatch.h"
#include "ops/fold_network.h"

namespace glow::ops::cuda {
namespace {

/// Block `each` computes the gradient of an output. The order of the sum is fixed.
template <class T, class G>
__global__ void __launch_bounds__(kThreads) unfold_outputs(UnfoldOutput<T, G> output) {
  __shared__ T sums[kThreads];
  sums[threadIdx.x] = output.spread(blockIdx.x, threadIdx.x, kThreads);
  for (auto half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) output.finish(blockIdx.x, sums[0]);
}

}  // namespace

void fold_networks(const torch::Tensor& parameters, FoldedNets& folded) {
  TORCH_CHECK(folded.layout == FoldedLayout::kRows, "fold_networks: a layout of the CPU");
  const c10::cuda::CUDAGuard guard(parameters.device());
  const auto& shape = folded.shape;
  const auto stride = parameters.stride(0);
  dispatch_fold(parameters, folded, [&]<class T, class H> {
    const T* from = parameters.data_ptr<T>();
    for_each(folded.hidden.numel(), FoldHidden<T, H>{shape, from, stride, folded.hidden.data_ptr<H>()});
    // 0, or NaN if a number is not finite.
    const auto broken = folded.hidden.sum(1, /*keepdim=*/false, parameters.scalar_type()).mul_(0);
    for_each(folded.exact.numel(), FoldExact<T>{shape, from, stride, broken.data_ptr<T>(), folded.exact.data_ptr<T>()});
  });
}

void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor& gradient, bool accumulate) {
  const c10::cuda::CUDAGuard guard(parameters.device());
  dispatch_unfold(parameters, shape, folded, gradient, accumulate, [](const auto& output) {
    unfold_outputs<<<static_cast<unsigned>(output.outputs()), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(output);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
}

}  // namespace glow::ops::cuda
