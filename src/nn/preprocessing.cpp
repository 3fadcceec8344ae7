#include "nn/preprocessing.h"

#include <ATen/ATen.h>

namespace glow::nn {

ops::Transformed preprocess(Family family, const torch::Tensor& x) {
  if (family == Family::kRealNVP) return ops::to_logits(x);
  const auto log_det = torch::zeros({x.size(0)}, x.options().requires_grad(false));
  return {family == Family::kNICE ? x + 0.5 : x, log_det};
}

torch::Tensor undo_preprocessing(Family family, const torch::Tensor& y) {
  if (family == Family::kRealNVP) return ops::from_logits(y);
  return family == Family::kNICE ? y - 0.5 : y;
}

}  // namespace glow::nn
