#include "ops/channel_map.h"

#include <limits>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "ops/all_finite.h"
#include "ops/matrix_inverse.h"
#include "ops/pixel_product.h"

namespace glow::ops {
namespace {

/// Whether to pass the whole stack to LAPACK in one call, which is faster for small matrices. On several threads
/// LibTorch 2.11's LU of a stack is wrong from 192 channels on (rotations get a determinant of e^-256); up to 128 it is
/// right.
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

/// The inverses B = A^-1 and l = log|det A| of a stack [K, C, C] on a GPU. LibTorch's functions wait for the device,
/// which is not possible in a CUDA graph. With dl = tr(B dA) and dB = -B dA B, gradients g_l and G_B of a loss give
/// G_A = g_l B^T - B^T G_B B^T.
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
    const auto &inverse_gradient = gradients[0], &log_det_gradient = gradients[1];
    torch::Tensor stack_gradient;
    if (log_det_gradient.defined()) stack_gradient = log_det_gradient.view({-1, 1, 1}) * transposed;
    if (inverse_gradient.defined()) {
      const auto through_inverse = transposed.matmul(inverse_gradient).matmul(transposed);
      stack_gradient = stack_gradient.defined() ? stack_gradient - through_inverse : -through_inverse;
    }
    return {stack_gradient};
  }
};

// Functions of stacks [K, C, C] in float64.

torch::Tensor log_abs_det_of_each(const torch::Tensor& stack) {
  if (stack.is_cuda()) return CudaInverse::apply(stack)[1];
  return at_once(stack) ? std::get<1>(at::linalg_slogdet(stack)) : one_by_one(stack, log_abs_det_of_each);
}

/// A singular matrix has an inverse that is not finite.
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
  if (!ops::all_finite(inverse)) {
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
