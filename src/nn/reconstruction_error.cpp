#include "nn/reconstruction_error.h"

#include <ATen/ATen.h>

namespace glow::nn {

void report_reconstruction(torch::Tensor largest, const torch::Tensor& rebuilt, const torch::Tensor& x) {
  if (!largest.defined()) return;
  const torch::NoGradGuard no_grad;
  const auto error = (rebuilt - x).abs().max() / x.abs().max();
  at::maximum_out(largest, largest, error.to(largest.options()));
}

}  // namespace glow::nn
