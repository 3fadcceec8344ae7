#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "nn/convolution.h"

namespace glow::nn {

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
