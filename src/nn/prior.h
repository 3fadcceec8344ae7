#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "nn/convolution.h"

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

/// Half of the channels leave as latent, under a Gaussian learned from the half that stays (RealNVP, section 3.6;
/// Glow's published code).
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
