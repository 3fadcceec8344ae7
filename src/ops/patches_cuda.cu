#include "ops/cuda_launch.cuh"
#include "ops/patches.h"
#include "ops/patches_elements.h"

namespace glow::ops::cuda {

void extract_patches(const torch::Tensor& x, bool, torch::Tensor& patches) {
  const c10::cuda::CUDAGuard guard(x.device());
  dispatch_patches(x, patches, [&]<class T, class Part> {
    for_each(patches.numel(), ExtractPatch<T, Part>{Pixels<const T>(x), Pixels<Part>(patches)});
  });
}

void add_patches(torch::Tensor& sum, const torch::Tensor& patches) {
  const c10::cuda::CUDAGuard guard(sum.device());
  dispatch_patches(sum, patches, [&]<class T, class Part> {
    for_each(sum.numel(), AddPatches<T, Part>{Pixels<const Part>(patches), Pixels<T>(sum)});
  });
}

void sum_patches(const torch::Tensor& patches, const torch::Tensor& bias, const torch::Tensor& outside,
                 torch::Tensor& sum) {
  const c10::cuda::CUDAGuard guard(sum.device());
  dispatch_patches(sum, patches, [&]<class T, class Part> {
    for_each(sum.numel(), SumPatches<T, Part>{Pixels<const Part>(patches), bias.data_ptr<T>(), outside.data_ptr<T>(),
                                              Pixels<T>(sum)});
  });
}

}  // namespace glow::ops::cuda
