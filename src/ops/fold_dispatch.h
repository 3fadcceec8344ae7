#pragma once

#include <ATen/Dispatch.h>
#include <torch/types.h>

#include "ops/fold_elements.h"
#include "ops/fold_network.h"

namespace glow::ops {

/// Calls run.template operator()<T, H>() with the dtype of the parameters and that of the hidden tensors, which is the
/// same or bfloat16.
template <class Run>
void dispatch_fold(const torch::Tensor& parameters, const FoldedNets& folded, Run&& run) {
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "fold_networks", [&] {
    if (folded.hidden.scalar_type() == torch::kBFloat16) {
      run.template operator()<scalar_t, c10::BFloat16>();
    } else {
      run.template operator()<scalar_t, scalar_t>();
    }
  });
}

/// Calls run with the UnfoldOutput of these tensors.
template <class Run>
void dispatch_unfold(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor& gradient, bool accumulate, Run&& run) {
  const auto call = [&]<class T, class G> {
    const auto numbers = [](const torch::Tensor& tensor) { return tensor.data_ptr<T>(); };
    run(UnfoldOutput<T, G>{shape, numbers(parameters), folded.weight1.data_ptr<G>(), folded.weight2.data_ptr<G>(),
                           folded.weight3.data_ptr<G>(), numbers(folded.bias1), numbers(folded.bias2),
                           numbers(folded.bias3), numbers(folded.outside), numbers(gradient), accumulate});
  };
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "unfold_gradient", [&] {
    if (folded.weight1.scalar_type() == torch::kBFloat16) {
      call.template operator()<scalar_t, c10::BFloat16>();
    } else {
      call.template operator()<scalar_t, scalar_t>();
    }
  });
}

}  // namespace glow::ops
