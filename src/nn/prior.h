#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/convolution.h"

namespace glow::nn {

/// A diagonal Gaussian N(mean, exp(log_sd)^2) of z [N, C, H, W]; mean and log_sd broadcast against z.
struct DiagonalGaussian {
  torch::Tensor mean;
  torch::Tensor log_sd;

  /// From [mean | log_sd] [N, 2C, H, W], halves of the channels.
  static DiagonalGaussian from_halves(const torch::Tensor& mean_and_log_sd);

  /// eps = (z - mean) / exp(log_sd), standard normal; log p(z) = log N(eps; 0, I) + log|det d eps/dz|.
  torch::Tensor whiten(const torch::Tensor& z) const;
  /// z = mean + exp(log_sd) * eps
  torch::Tensor unwhiten(const torch::Tensor& eps) const;
  /// log|det d eps/dz| = -sum log_sd, [N], for z of this shape.
  torch::Tensor log_det_of_whitening(torch::IntArrayRef z_shape) const;
};

/// A split emits half of the channels as latent; its prior is a Gaussian computed from the other half (RealNVP, section
/// 3.6; Glow's published code).
class SplitImpl : public torch::nn::Cloneable<SplitImpl> {
 public:
  /// `channels` before the split, even.
  SplitImpl(std::int64_t channels, bool edge_bias);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// z1 [N, C/2, H, W] -> [mean | log_sd] of z2.
  ZeroConv prior{nullptr};

 private:
  std::int64_t channels_;
  bool edge_bias_;
};
TORCH_MODULE(Split);

}  // namespace glow::nn
