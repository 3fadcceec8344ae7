#include <glow/nn/batch_norm.h>

#include <ATen/ATen.h>

namespace glow::nn {
namespace {

/// Keeps a channel without variance from being divided by zero.
constexpr double kVarianceFloor = 1e-5;
constexpr double kMomentum = 0.1;

torch::Tensor over_channels(const torch::Tensor& vector) { return vector.view({1, -1, 1, 1}); }

torch::Tensor sd_of(const ChannelMoments& moments) { return (moments.variance + kVarianceFloor).sqrt(); }

}  // namespace

ChannelMoments channel_moments(const torch::Tensor& x) {
  const auto [variance, mean] = at::var_mean(x, at::IntArrayRef{0, 2, 3}, /*unbiased=*/false);
  return {mean, variance};
}

torch::Tensor normalize(const ChannelMoments& moments, const torch::Tensor& x) {
  return (x - over_channels(moments.mean)) * over_channels(sd_of(moments).reciprocal());
}

torch::Tensor denormalize(const ChannelMoments& moments, const torch::Tensor& y) {
  return y * over_channels(sd_of(moments)) + over_channels(moments.mean);
}

torch::Tensor normalizing_log_det(const ChannelMoments& moments) { return -sd_of(moments).log().sum(); }

BatchNormImpl::BatchNormImpl(std::int64_t channels) : channels_(channels) { reset(); }

void BatchNormImpl::reset() {
  running_mean = register_parameter("running_mean", torch::zeros(channels_), /*requires_grad=*/false);
  running_variance = register_parameter("running_variance", torch::ones(channels_), /*requires_grad=*/false);
}

void BatchNormImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::BatchNorm(" << channels_ << ")"; }

void BatchNormImpl::start_from(const ChannelMoments& moments) {
  const torch::NoGradGuard no_grad;
  running_mean.copy_(moments.mean);
  running_variance.copy_(moments.variance);
}

void BatchNormImpl::update(const ChannelMoments& batch, const torch::Tensor& wanted) {
  const torch::NoGradGuard no_grad;
  // What is not finite must not be multiplied, not even by nothing.
  running_mean.copy_(at::where(wanted, running_mean.lerp(batch.mean, kMomentum), running_mean));
  running_variance.copy_(at::where(wanted, running_variance.lerp(batch.variance, kMomentum), running_variance));
}

}  // namespace glow::nn
