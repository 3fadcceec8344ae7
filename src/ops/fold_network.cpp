#include "ops/fold_network.h"

#include <ATen/ATen.h>

#include <glow/error.h>

#include "ops/check.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

/// Hands out consecutive views of one network's part of a buffer.
class Parts {
 public:
  Parts(const torch::Tensor& buffer, std::int64_t network)
      : buffer_(buffer), next_(network * (buffer.numel() / buffer.size(0))) {}
  torch::Tensor next(at::IntArrayRef sizes) {
    auto part = view_at(buffer_, next_, sizes);
    next_ += part.numel();
    return part;
  }

 private:
  const torch::Tensor& buffer_;
  std::int64_t next_;
};

std::int64_t hidden_numbers(const NetworkShape& shape) {
  return shape.width * (shape.gathered() + shape.width + shape.summed() + 2);
}

std::int64_t exact_numbers(const NetworkShape& shape) { return 2 * shape.width + 10 * shape.outputs; }

}  // namespace

FoldedNet FoldedNets::at(std::int64_t network) const {
  const auto width = shape.width;
  Parts of_hidden(hidden, network), of_exact(exact, network);
  FoldedNet net;
  net.weight1 = of_hidden.next({width, shape.gathered()});
  net.weight2 = of_hidden.next({width, width});
  net.weight3 = of_hidden.next({shape.summed(), width});
  net.bias1 = of_hidden.next({width});
  net.bias2 = of_hidden.next({width});
  net.exact_bias1 = of_exact.next({width});
  net.exact_bias2 = of_exact.next({width});
  net.bias3 = of_exact.next({shape.outputs});
  net.outside = of_exact.next({9, shape.outputs});
  return net;
}

FoldedNets fold_networks(const torch::Tensor& parameters, const NetworkShape& shape, FoldedLayout layout,
                         torch::Dtype hidden) {
  check_shape(parameters.dim() == 2 && parameters.size(1) == shape.numbers() && parameters.stride(1) == 1,
              "fold_networks: expected the parameters of networks, [n, numbers]", parameters);
  const bool has_pairs = hidden != torch::kBFloat16 || shape.width % 2 == 0;
  check_shape(layout == FoldedLayout::kRows || (parameters.scalar_type() == torch::kFloat && has_pairs),
              "fold_networks: blocks need float32 parameters, and an even width in bfloat16", parameters);
  const torch::NoGradGuard no_grad;
  const auto count = parameters.size(0);
  const auto empty = [&](std::int64_t numbers, torch::Dtype dtype) {
    return parameters.is_cpu() ? empty_on_cpu({count, numbers}, dtype)
                               : at::empty({count, numbers}, parameters.options().dtype(dtype));
  };
  FoldedNets folded{shape, layout, empty(hidden_numbers(shape), hidden),
                    empty(exact_numbers(shape), parameters.scalar_type())};
  parameters.is_cuda() ? cuda::fold_networks(parameters, folded) : cpu::fold_networks(parameters, folded);
  return folded;
}

void unfold_gradient(const torch::Tensor& parameters, const NetworkShape& shape, const FoldedNetGradient& folded,
                     torch::Tensor gradient, bool accumulate) {
  const auto is_row = [&](const torch::Tensor& row) {
    return row.dim() == 1 && row.size(0) == shape.numbers() && row.is_contiguous();
  };
  check_shape(is_row(parameters), "unfold_gradient: expected the parameters of a network, [numbers]", parameters);
  check_shape(is_row(gradient), "unfold_gradient: expected a gradient [numbers]", gradient);
  const auto unfold = parameters.is_cuda() ? cuda::unfold_gradient : cpu::unfold_gradient;
  unfold(parameters, shape, folded, gradient, accumulate);
}

}  // namespace glow::ops
