#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/batch_moments.h>

namespace glow::nn {

/// mean = E[x] and variance = E[(x - mean)^2] over all images and pixels of x [N, C, H, W], including those of the
/// other processes. Differentiable.
ChannelMoments channel_moments(const torch::Tensor& x, const SumOverProcesses& sum = nullptr);

/// y = (x - mean) / sqrt(variance + 1e-5), x [N, C, H, W]. Differentiable in both.
torch::Tensor normalize(const ChannelMoments& moments, const torch::Tensor& x);
/// The inverse: x = y * sqrt(variance + 1e-5) + mean. Differentiable.
torch::Tensor denormalize(const ChannelMoments& moments, const torch::Tensor& y);
/// log|det dy/dx| of normalize for one pixel and given moments, -1/2 sum_c log(variance_c + 1e-5): a scalar, nats.
/// Differentiable.
torch::Tensor normalizing_log_det(const ChannelMoments& moments);

/// A batch norm with an inverse and a log-determinant, without scale and bias (RealNVP, section 3.7). In training it
/// normalises by the moments of the batch, and gradients pass through them; else by the running moments.
///
/// The running moments are registered as parameters without gradient, so that checkpoints, weight averages and model
/// files include them.
class BatchNormImpl : public torch::nn::Cloneable<BatchNormImpl> {
 public:
  explicit BatchNormImpl(std::int64_t channels);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  ChannelMoments running() const { return {running_mean, running_variance}; }
  /// Sets the running moments when the model is initialised from data.
  void start_from(const ChannelMoments& moments);
  /// running = 0.9 * running + 0.1 * batch if `wanted` (bool, a scalar on the device) is true.
  void update(const ChannelMoments& batch, const torch::Tensor& wanted);

  /// [C]
  torch::Tensor running_mean, running_variance;

 private:
  std::int64_t channels_;
};
TORCH_MODULE(BatchNorm);

}  // namespace glow::nn
