#include "nn/convolution.h"

#include <ATen/ATen.h>

#include "nn/fold_convolution.h"
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

FoldedConvolution ActNormConvImpl::fold() const { return fold_gathering(scaled()); }

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

}  // namespace glow::nn
