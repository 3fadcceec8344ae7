#include "ops/gaussian.h"

#include <cmath>
#include <numbers>

namespace glow::ops {

torch::Tensor standard_normal_log_prob(const torch::Tensor& eps) {
  const auto flat = eps.flatten(1);
  const double constant = 0.5 * std::log(2.0 * std::numbers::pi) * static_cast<double>(flat.size(1));
  return flat.square().sum(1).mul(-0.5).sub(constant);
}

}  // namespace glow::ops
