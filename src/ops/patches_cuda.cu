#include "ops/cuda_launch.cuh"
#include "ops/patches.h"
#include "ops/patches_elements.h"

namespace glow::ops::cuda {

void extract_patches(const torch::Tensor& x, bool, torch::Tensor& patches) {
  const c10::cuda::CUDAGuard guard(x.device());
  dispatch_patches(x, patches, [&]<class T, class Part> {
    const auto fits = [&](int count) { return patches.size(1) % count == 0 && is_aligned(patches.data_ptr<Part>()); };
    dispatch_packed<Part>(
        fits, [&](auto count) { for_each(patches.numel() / count, ExtractPatch<T, Part, count>(x, patches)); });
  });
}

void add_patches(torch::Tensor& sum, const torch::Tensor& patches) {
  const c10::cuda::CUDAGuard guard(sum.device());
  dispatch_patches(sum, patches,
                   [&]<class T, class Part> { for_each(sum.numel(), AddPatches<T, Part>(patches, sum)); });
}

void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum) {
  const c10::cuda::CUDAGuard guard(sum.device());
  dispatch_patches(sum, patches, [&]<class T, class Part> {
    for_each(sum.numel(), SumPatches<T, Part>(patches, bias, outside, sum));
  });
}

}  // namespace glow::ops::cuda
