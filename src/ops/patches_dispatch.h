#pragma once

#include <ATen/Dispatch.h>
#include <torch/types.h>

namespace glow::ops {

/// Calls run.template operator()<T, Part>() for the dtypes of a tensor and of patches, which are the same or bfloat16.
template <class Run>
void dispatch_patches(const torch::Tensor& x, const torch::Tensor& patches, Run&& run) {
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "patches", [&] {
    if (patches.scalar_type() == torch::kBFloat16) {
      run.template operator()<scalar_t, c10::BFloat16>();
    } else {
      run.template operator()<scalar_t, scalar_t>();
    }
  });
}

}  // namespace glow::ops
