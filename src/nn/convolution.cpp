#include <glow/nn/convolution.h>

#include <ATen/ATen.h>

#include <glow/ops/edge_padding.h>

namespace glow::nn {
namespace {

constexpr double kInitialDeviation = 0.05;

/// A factor [O] for weights [O, I, kernel, kernel].
torch::Tensor per_output(const torch::Tensor& factor) { return factor.view({-1, 1, 1, 1}); }

}  // namespace

ActNormConvImpl::ActNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel)
    : inputs_(inputs), outputs_(outputs), kernel_(kernel) {
  reset();
}

void ActNormConvImpl::reset() {
  weight = register_parameter("weight", torch::zeros({outputs_, inputs_, kernel_, kernel_}));
  actnorm = register_module("actnorm", ActNorm(outputs_));
}

void ActNormConvImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::ActNormConv(" << inputs_ << " -> " << outputs_ << ", " << kernel_ << "x" << kernel_ << ")";
}

void ActNormConvImpl::draw(WeightSource& source) {
  const torch::NoGradGuard no_grad;
  weight.copy_(source.normal(weight.sizes()) * kInitialDeviation);
}

FoldedConvolution ActNormConvImpl::fold() const {
  const auto scale = scale_of(actnorm->log_scale);
  return {weight * per_output(scale), actnorm->bias * scale};
}

ZeroConvImpl::ZeroConvImpl(std::int64_t inputs, std::int64_t outputs, bool edge_bias)
    : inputs_(inputs), outputs_(outputs), edge_bias_(edge_bias) {
  reset();
}

void ZeroConvImpl::reset() {
  weight = register_parameter("weight", torch::zeros({outputs_, inputs_ + (edge_bias_ ? 1 : 0), 3, 3}));
  bias = register_parameter("bias", torch::zeros(outputs_));
  log_scale = register_parameter("log_scale", torch::zeros(outputs_));
}

void ZeroConvImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::ZeroConv(" << inputs_ << " -> " << outputs_ << (edge_bias_ ? ", edge_bias" : "") << ")";
}

FoldedConvolution ZeroConvImpl::fold(std::int64_t height, std::int64_t width) const {
  const auto scale = scale_of(log_scale);
  const auto scaled = weight * per_output(scale);
  const auto scaled_bias = (bias * scale).view({1, -1, 1, 1});
  if (!edge_bias_) return {scaled, scaled_bias};
  const auto edge = ops::edge_bias(scaled.narrow(1, inputs_, 1), height, width);
  return {scaled.narrow(1, 0, inputs_), edge + scaled_bias};
}

torch::Tensor apply(const FoldedConvolution& folded, const torch::Tensor& x) {
  // With few outputs a 3x3 convolution is a product that reads its wide input once, [9O, I] at every pixel, and a sum
  // of its nine thin parts, each moved to where it belongs; twice as fast as the convolution itself.
  const auto outputs = folded.weight.size(0), inputs = folded.weight.size(1);
  const auto product = folded.weight.flip({2, 3}).permute({0, 2, 3, 1}).reshape({outputs * 9, inputs, 1, 1});
  const auto parts = at::conv2d(x, product).flatten(2);
  const auto sum = at::col2im(parts, {x.size(2), x.size(3)}, {3, 3}, {1, 1}, {1, 1}, {1, 1});
  return sum + folded.bias;
}

ZeroLinearImpl::ZeroLinearImpl(std::int64_t inputs, std::int64_t outputs) : inputs_(inputs), outputs_(outputs) {
  reset();
}

void ZeroLinearImpl::reset() {
  weight = register_parameter("weight", torch::zeros({outputs_, inputs_}));
  bias = register_parameter("bias", torch::zeros(outputs_));
  log_scale = register_parameter("log_scale", torch::zeros(outputs_));
}

void ZeroLinearImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::ZeroLinear(" << inputs_ << " -> " << outputs_ << ")";
}

torch::Tensor ZeroLinearImpl::forward(const torch::Tensor& x) const {
  return at::linear(x, weight, bias) * scale_of(log_scale);
}

}  // namespace glow::nn
