#pragma once

#include <torch/types.h>

namespace glow::nn {

/// A diagonal Gaussian over z [N, C, H, W]; the axes of its tensors broadcast against z.
struct DiagonalGaussian {
  torch::Tensor mean;
  torch::Tensor log_sd;

  /// From [.., 2C, ..] with the mean first.
  static DiagonalGaussian from_halves(const torch::Tensor& mean_and_log_sd);

  /// eps = (z - mean) / exp(log_sd)
  torch::Tensor whiten(const torch::Tensor& z) const;
  /// z = mean + exp(log_sd) * eps
  torch::Tensor unwhiten(const torch::Tensor& eps) const;
  /// log|det d eps/dz| = -sum log_sd, [N], for z of this shape.
  torch::Tensor log_det_of_whitening(torch::IntArrayRef z_shape) const;
};

}  // namespace glow::nn
