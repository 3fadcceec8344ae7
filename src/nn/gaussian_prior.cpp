#include "nn/gaussian_prior.h"

#include <ATen/ATen.h>

namespace glow::nn {

DiagonalGaussian DiagonalGaussian::from_halves(const torch::Tensor& mean_and_log_sd) {
  const auto halves = mean_and_log_sd.chunk(2, 1);
  return {halves[0], halves[1]};
}

torch::Tensor DiagonalGaussian::whiten(const torch::Tensor& z) const { return (z - mean) * log_sd.neg().exp(); }

torch::Tensor DiagonalGaussian::unwhiten(const torch::Tensor& eps) const { return mean + eps * log_sd.exp(); }

torch::Tensor DiagonalGaussian::log_det_of_whitening(torch::IntArrayRef z_shape) const {
  return log_sd.expand(z_shape).sum({1, 2, 3}).neg();
}

}  // namespace glow::nn
