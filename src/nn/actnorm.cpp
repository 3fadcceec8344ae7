#include "nn/actnorm.h"

#include <ATen/ATen.h>

namespace glow::nn {
namespace {

constexpr double kSmallestDeviation = 1e-3;

}  // namespace

torch::Tensor scale_of(const torch::Tensor& log_scale) { return (log_scale * kLogScaleFactor).exp(); }

ActNormImpl::ActNormImpl(std::int64_t channels) : channels_(channels) { reset(); }

void ActNormImpl::reset() {
  bias = register_parameter("bias", torch::zeros(channels_));
  log_scale = register_parameter("log_scale", torch::zeros(channels_));
}

void ActNormImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::ActNorm(" << channels_ << ")"; }

ops::ChannelMap ActNormImpl::channel_map() const {
  const auto scale = scale_of(log_scale);
  return {scale.diag(), bias * scale, log_scale.sum() * kLogScaleFactor};
}

std::int64_t ActNormImpl::start_from(const ChannelStatistics& statistics) {
  const torch::NoGradGuard no_grad;
  bias.copy_(statistics.mean.neg());
  log_scale.copy_(statistics.sd.clamp_min(kSmallestDeviation).log().div(-kLogScaleFactor));
  return statistics.sd.lt(kSmallestDeviation).sum().item<std::int64_t>();
}

}  // namespace glow::nn
