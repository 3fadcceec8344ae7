#include "nn/preprocessing.h"

#include <ATen/ATen.h>

#include "nn/family.h"

namespace glow::nn {

ops::Transformed preprocess(Family family, const torch::Tensor& x) {
  const auto kind = family_spec(family).preprocessing;
  if (kind == Preprocessing::kLogits) return ops::to_logits(x);
  const auto log_det = torch::zeros({x.size(0)}, x.options().requires_grad(false));
  return {kind == Preprocessing::kShift ? x + 0.5 : x, log_det};
}

torch::Tensor undo_preprocessing(Family family, const torch::Tensor& y) {
  const auto kind = family_spec(family).preprocessing;
  if (kind == Preprocessing::kLogits) return ops::from_logits(y);
  return kind == Preprocessing::kShift ? y - 0.5 : y;
}

}  // namespace glow::nn
