#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "ops/channel_map.h"

namespace glow::nn {

/// Every learned log-scale is multiplied by this where it is used, which makes it learn faster (Glow's published code).
inline constexpr double kLogScaleFactor = 3.0;

/// exp(3 * log_scale), elementwise.
torch::Tensor scale_of(const torch::Tensor& log_scale);

/// The statistics from which an actnorm starts: float64 [C] each, of one or more chunks of data.
struct ChannelStatistics {
  torch::Tensor mean;
  /// Population standard deviation.
  torch::Tensor sd;
};

/// A scale and bias per channel that start from data: y = (x + bias) * exp(3 * log_scale) (Glow, section 3.1).
class ActNormImpl : public torch::nn::Cloneable<ActNormImpl> {
 public:
  explicit ActNormImpl(std::int64_t channels);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// The layer as a map with a diagonal weight.
  ops::ChannelMap channel_map() const;

  /// Sets bias = -mean and 3*log_scale = -log(max(sd, 1e-3)), so that data with these statistics leave with mean 0 and
  /// variance 1. Returns how many channels the floor on sd acted on: they carry (almost) no variance, a black border
  /// say.
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
