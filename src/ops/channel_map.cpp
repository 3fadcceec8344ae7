#include <glow/ops/channel_map.h>

#include <limits>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "ops/matrix_inverse_cuda.h"
#include "ops/pixel_product.h"

namespace glow::ops {
namespace {

/// Whether to give LAPACK a stack at once. LibTorch 2.11's LU of a stack is wrong on several threads from 192 channels
/// on (rotations of a determinant of e^-256); up to 128 it is right, and it is small matrices that gain by it.
bool at_once(const torch::Tensor& stack) {
  constexpr std::int64_t kLargest = 64;
  return stack.size(0) == 1 || stack.size(-1) <= kLargest;
}

template <class Compute>
torch::Tensor one_by_one(const torch::Tensor& stack, Compute&& compute) {
  std::vector<torch::Tensor> each;
  for (const auto& matrix : stack.split(1)) each.push_back(compute(matrix));
  return at::cat(each);
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The inverses and log|det| of a stack on a GPU, where LibTorch's would wait for the device, as no CUDA graph can.
class CudaInverse : public torch::autograd::Function<CudaInverse> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& stack) {
    const auto [inverse, log_abs_det] = cuda::invert(stack);
    context->set_materialize_grads(false);
    context->save_for_backward({inverse});
    return {inverse, log_abs_det};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto transposed = context->get_saved_variables().front().transpose(1, 2);
    const auto &of_inverse = gradients[0], &of_log_abs_det = gradients[1];
    torch::Tensor of_stack;
    if (of_log_abs_det.defined()) of_stack = of_log_abs_det.view({-1, 1, 1}) * transposed;
    if (of_inverse.defined()) {
      const auto through_inverse = transposed.matmul(of_inverse).matmul(transposed);
      of_stack = of_stack.defined() ? of_stack - through_inverse : -through_inverse;
    }
    return {of_stack};
  }
};

// Of stacks [K, C, C] in float64.

torch::Tensor log_abs_det_of_each(const torch::Tensor& stack) {
  if (stack.is_cuda()) return CudaInverse::apply(stack)[1];
  return at_once(stack) ? std::get<1>(at::linalg_slogdet(stack)) : one_by_one(stack, log_abs_det_of_each);
}

/// Not finite where a matrix is singular.
torch::Tensor inverse_of_each(const torch::Tensor& stack) {
  if (stack.is_cuda()) return CudaInverse::apply(stack)[0];
  if (!at_once(stack)) return one_by_one(stack, inverse_of_each);
  const auto [inverse, info] = at::linalg_inv_ex(stack);
  return inverse.masked_fill(info.ne(0).view({-1, 1, 1}), std::numeric_limits<double>::infinity());
}

torch::Tensor as_stack(const torch::Tensor& matrices) {
  return matrices.to(torch::kDouble).view({-1, matrices.size(-2), matrices.size(-1)});
}

}  // namespace

ChannelMap invert(const ChannelMap& map) {
  const auto inverse = inverse_of_each(as_stack(map.weight)).view(map.weight.sizes());
  if (!inverse.isfinite().all().item<bool>()) {
    throw NumericalError("cannot invert a channel map: its matrix is singular or not finite");
  }
  const auto bias = inverse.matmul(map.bias.to(torch::kDouble).unsqueeze(-1)).squeeze(-1).neg();
  return {inverse.to(map.weight.options()), bias.to(map.bias.options()), -map.log_abs_det};
}

torch::Tensor apply(const ChannelMap& map, const torch::Tensor& x) { return pixel_product(x, map.weight, map.bias); }

torch::Tensor log_abs_det(const torch::Tensor& weight) {
  const auto of_each = log_abs_det_of_each(as_stack(weight)).to(weight.scalar_type());
  return weight.dim() == 2 ? of_each.squeeze(0) : of_each;
}

}  // namespace glow::ops
