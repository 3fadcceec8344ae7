#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/batch_moments.h>

namespace glow::nn {

/// Over all images and pixels of x [N, C, H, W], those of the other processes included. Differentiable.
ChannelMoments channel_moments(const torch::Tensor& x, const SumOverProcesses& sum = nullptr);

/// y = (x - mean) / sqrt(variance + 1e-5), x [N, C, H, W]. Differentiable in both.
torch::Tensor normalize(const ChannelMoments& moments, const torch::Tensor& x);
/// x from y. Differentiable.
torch::Tensor denormalize(const ChannelMoments& moments, const torch::Tensor& y);
/// log|det dy/dx| of normalize for one pixel, the moments being given: a scalar, nats. Differentiable.
torch::Tensor normalizing_log_det(const ChannelMoments& moments);

/// A batch norm with an inverse and a log-determinant, and without scale and bias of its own (RealNVP, section 3.7). In
/// training its moments are those of the batch, which are part of the gradient; else the running ones.
///
/// The running moments lie among the parameters, though no gradient reaches them: whatever keeps, averages or restores
/// the weights takes them along.
class BatchNormImpl : public torch::nn::Cloneable<BatchNormImpl> {
 public:
  explicit BatchNormImpl(std::int64_t channels);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  ChannelMoments running() const { return {running_mean, running_variance}; }
  /// From the data that a model is initialised with.
  void start_from(const ChannelMoments& moments);
  /// A tenth of the way from the running moments to those of a batch, where `wanted` (bool, a scalar on the device) is
  /// true.
  void update(const ChannelMoments& batch, const torch::Tensor& wanted);

  /// [C]
  torch::Tensor running_mean, running_variance;

 private:
  std::int64_t channels_;
};
TORCH_MODULE(BatchNorm);

}  // namespace glow::nn
