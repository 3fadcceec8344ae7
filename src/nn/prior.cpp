#include "nn/prior.h"

#include <ATen/ATen.h>

namespace glow::nn {

DiagonalGaussian DiagonalGaussian::from_halves(const torch::Tensor& mean_and_log_sd) {
  const auto halves = mean_and_log_sd.chunk(2, 1);
  return {halves[0], halves[1]};
}

torch::Tensor DiagonalGaussian::whiten(const torch::Tensor& z) const { return (z - mean) * log_sd.neg().exp(); }

torch::Tensor DiagonalGaussian::unwhiten(const torch::Tensor& eps) const { return mean + eps * log_sd.exp(); }

torch::Tensor DiagonalGaussian::log_det_of_whitening(torch::IntArrayRef z_shape) const {
  // A broadcast element of log_sd counts once for every element of z.
  return log_sd.expand(z_shape).sum({1, 2, 3}).neg();
}

SplitImpl::SplitImpl(std::int64_t channels, bool edge_bias) : channels_(channels), edge_bias_(edge_bias) { reset(); }

void SplitImpl::reset() { prior = register_module("prior", ZeroConv(channels_ / 2, channels_, edge_bias_)); }

void SplitImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Split(" << channels_ << ")"; }

}  // namespace glow::nn
