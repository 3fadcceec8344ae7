#include "nn/batch_norm.h"

#include <array>
#include <cstdint>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace glow::nn {
namespace {

/// Prevents a division by zero in channels without variance.
constexpr double kVarianceFloor = 1e-5;
constexpr double kMomentum = 0.1;

torch::Tensor over_channels(const torch::Tensor& vector) { return vector.view({1, -1, 1, 1}); }

torch::Tensor sd_of(const ChannelMoments& moments) { return (moments.variance + kVarianceFloor).sqrt(); }

struct SumHolder : torch::CustomClassHolder {
  SumOverProcesses sum;
};

/// The sum over the processes as a graph node: process q gets s_q = sum_r x_r. The loss is the sum of the processes'
/// losses L_q, so dL/dx_r = sum_q dL_q/ds_q: the backward pass sums over the processes, too.
class SumFunction : public torch::autograd::Function<SumFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const c10::intrusive_ptr<SumHolder>& holder) {
    context->saved_data["holder"] = c10::IValue::make_capsule(holder);
    return summed(x, *holder);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto holder = c10::static_intrusive_pointer_cast<SumHolder>(context->saved_data["holder"].toCapsule());
    return {summed(gradients[0], *holder), {}};
  }

 private:
  static torch::Tensor summed(const torch::Tensor& x, const SumHolder& holder) {
    const auto result = x.detach().clone(at::MemoryFormat::Contiguous);
    holder.sum(result);
    return result;
  }
};

}  // namespace

ChannelMoments channel_moments(const torch::Tensor& x, const SumOverProcesses& sum) {
  constexpr std::array<std::int64_t, 3> over_pixels{0, 2, 3};
  if (!sum) {
    const auto [variance, mean] = at::var_mean(x, over_pixels, /*unbiased=*/false);
    return {mean, variance};
  }
  const auto holder = c10::make_intrusive<SumHolder>();
  holder->sum = sum;
  const auto count = torch::full({1}, static_cast<double>(x.numel() / x.size(1)), x.options().requires_grad(false));
  sum(count);
  const auto mean_of = [&](const torch::Tensor& values) {
    return SumFunction::apply(values.sum(over_pixels), holder) / count;
  };
  const auto mean = mean_of(x);
  return {mean, mean_of((x - over_channels(mean)).square())};
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
  // 0 * NaN is NaN: select instead of scaling.
  running_mean.copy_(at::where(wanted, running_mean.lerp(batch.mean, kMomentum), running_mean));
  running_variance.copy_(at::where(wanted, running_variance.lerp(batch.variance, kMomentum), running_variance));
}

}  // namespace glow::nn
