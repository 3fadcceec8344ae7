#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "ops/channel_map.h"
#include "ops/network_shape.h"

namespace glow::nn {

using ops::kLogScaleFactor;

/// exp(3 * log_scale), elementwise.
torch::Tensor scale_of(const torch::Tensor& log_scale);

/// The statistics that initialise an actnorm, over one or more chunks of data: float64 [C] each.
struct ChannelStatistics {
  torch::Tensor mean;
  /// Population standard deviation.
  torch::Tensor sd;
};

/// A scale and bias per channel, initialised from data: y = (x + bias) * exp(3 * log_scale) (Glow, section 3.1).
class ActNormImpl : public torch::nn::Cloneable<ActNormImpl> {
 public:
  explicit ActNormImpl(std::int64_t channels);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// The layer as an affine map y = S x + S b with S = diag(exp(3 * log_scale)), log|det S| = sum 3 * log_scale.
  ops::ChannelMap channel_map() const;

  /// Sets bias = -mean and 3*log_scale = -log(max(sd, 1e-3)), so that data with these statistics are mapped to mean 0
  /// and variance 1. Returns the number of channels with sd < 1e-3: they have (almost) no variance, for example at a
  /// black border.
  std::int64_t start_from(const ChannelStatistics& statistics);

  /// [C]
  torch::Tensor bias;
  /// [C]
  torch::Tensor log_scale;

 private:
  std::int64_t channels_;
};
TORCH_MODULE(ActNorm);

}  // namespace glow::nn
