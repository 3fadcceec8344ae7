#include "nn/convolution.h"

#include <ATen/ATen.h>

#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

constexpr double kInitialDeviation = 0.05;

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

ScaledConvolution ActNormConvImpl::scaled() const { return {weight, actnorm->bias, scale_of(actnorm->log_scale)}; }

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

ScaledConvolution ZeroConvImpl::scaled() const { return {weight, bias, scale_of(log_scale)}; }

FoldedConvolution ZeroConvImpl::fold() const { return fold_summing(scaled(), inputs_); }

torch::Tensor apply(const FoldedConvolution& folded, const torch::Tensor& x) {
  return ops::sum_patches(ops::pixel_product(x, folded.weight), folded.bias, folded.outside);
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

namespace {

/// [O, k, k, I], a view: weights are channels_last in memory.
torch::Tensor taps_last(const torch::Tensor& weight) { return weight.permute({0, 2, 3, 1}); }

/// taps [3, 3, O, I] from weight [O, I, 3, 3]: taps[dy, dx, o, i] = weight[o, i, 2 - dy, 2 - dx]. A convolution that
/// sums adds the product at a pixel to the pixel's neighbours; seen from the neighbour, the offset has the opposite
/// sign.
torch::Tensor opposite_taps(const torch::Tensor& weight) { return weight.flip({2, 3}).permute({2, 3, 0, 1}); }

}  // namespace

// weight'[o, tap*I + i] = scale[o] * weight[o, i, tap],   bias'[o] = scale[o] * bias[o]
FoldedConvolution fold_gathering(const ScaledConvolution& convolution) {
  const auto& [weight, bias, scale] = convolution;
  const auto rows = taps_last(weight).reshape({weight.size(0), -1});
  return {rows * scale.unsqueeze(1), bias * scale};
}

// weight'[tap*O + o, i] = scale[o] * weight[o, i, opposite tap] for i < inputs,   bias'[o] = scale[o] * bias[o]
// outside[tap, o] = scale[o] * weight[o, inputs, opposite tap], or 0 without an edge plane
FoldedConvolution fold_summing(const ScaledConvolution& convolution, std::int64_t inputs) {
  const auto& [weight, bias, scale] = convolution;
  const auto outputs = weight.size(0);
  const auto taps = opposite_taps(weight * scale.view({-1, 1, 1, 1}));
  const auto outside = taps.size(3) > inputs ? taps.select(3, inputs).reshape({9, outputs})
                                             : torch::zeros({9, outputs}, weight.options().requires_grad(false));
  return {taps.narrow(3, 0, inputs).reshape({9 * outputs, inputs}), bias * scale, outside};
}

}  // namespace glow::nn
