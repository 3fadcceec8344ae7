#include "nn/coupling_networks.h"

#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include "nn/convolution.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

/// 0, or NaN if a weight of the hidden layers is not finite. Added to the last bias because fused ReLUs map NaN to 0:
/// without it, the density of a model with broken weights could be finite.
torch::Tensor zero_if_finite(const FoldedCouplingNet& net) {
  const torch::NoGradGuard no_grad;
  return (net.first.weight.sum() + net.first.bias.sum() + net.second.weight.sum() + net.second.bias.sum()) * 0;
}

}  // namespace

FoldedCouplingNet fold(const ScaledCouplingNet& net, HiddenPrecision precision) {
  FoldedCouplingNet folded{fold_gathering(net.first), fold_gathering(net.second),
                           fold_summing(net.third, net.second.weight.size(0)), precision == HiddenPrecision::kTf32};
  folded.third.bias = folded.third.bias + zero_if_finite(folded);
  if (precision == HiddenPrecision::kBf16) {
    for (auto* tensor :
         {&folded.first.weight, &folded.first.bias, &folded.second.weight, &folded.second.bias, &folded.third.weight}) {
      *tensor = tensor->to(torch::kBFloat16);
    }
  }
  return folded;
}

CouplingNetImpl::CouplingNetImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingNetImpl::reset() {
  const auto half = options_.channels / 2;
  const auto width = options_.hidden_width;
  const auto outputs = ops::coupling_outputs(options_.kind, options_.channels);
  conv1 = register_module("conv1", ActNormConv(half + (options_.edge_bias ? 1 : 0), width, 3));
  conv2 = register_module("conv2", ActNormConv(width, width, 1));
  conv3 = register_module("conv3", ZeroConv(width, outputs, options_.edge_bias));
}

void CouplingNetImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::CouplingNet(" << options_.channels / 2 << ", width " << options_.hidden_width << ")";
}

ops::NetworkShape CouplingNetImpl::shape() const {
  return {.channels = options_.channels / 2,
          .edge = options_.edge_bias,
          .width = options_.hidden_width,
          .outputs = ops::coupling_outputs(options_.kind, options_.channels)};
}

void CouplingNetImpl::draw(WeightSource& source) {
  conv1->draw(source);
  conv2->draw(source);
}

torch::Tensor first_layer(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  const auto& [weight, bias, outside] = net.first;
  const bool with_edge_plane = weight.size(1) > 9 * x1.size(1);
  return ops::pixel_product(ops::extract_patches(x1, with_edge_plane, weight.scalar_type()), weight, bias);
}

torch::Tensor second_layer(const FoldedCouplingNet& net, const torch::Tensor& hidden) {
  return ops::pixel_product(hidden.relu(), net.second.weight, net.second.bias);
}

torch::Tensor apply(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  const ops::Tf32Guard guard(net.tf32, x1.device());
  return apply(net.third, second_layer(net, first_layer(net, x1)).relu());
}

CouplingImpl::CouplingImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingImpl::reset() { net = register_module("net", CouplingNet(options_)); }

void CouplingImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::Coupling(" << to_string(options_.kind) << ", " << options_.channels << ")";
}

namespace {

/// conv(x) + bias. weight [O, I] for 1x1, [O, 9*I] for 3x3; bias [O] in the dtype of the result.
torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto dtype = weight.scalar_type();
  const bool gathers = weight.size(1) > x.size(1);
  const auto input = gathers ? ops::extract_patches(x, /*with_edge_plane=*/false, dtype) : x.to(dtype);
  const auto product = ops::pixel_product(input, weight);
  return product.to(bias.scalar_type()) + bias.view({1, -1, 1, 1});
}

/// `weights`: the weights of the input convolution, of both convolutions of every block and of the output convolution,
/// then all biases in this order, then the bound.
torch::Tensor run_residual(const torch::Tensor& x1, at::TensorList weights) {
  const auto convolutions = (weights.size() - 1) / 2;
  const auto layer = [&](std::size_t i, const torch::Tensor& x) {
    return convolve(x, weights[i], weights[convolutions + i]);
  };
  auto h = layer(0, x1);
  for (std::size_t i = 1; i + 1 < convolutions; i += 2) h = h + layer(i + 1, layer(i, h.relu()).relu());
  const auto parts = layer(convolutions - 1, h.relu()).chunk(2, 1);
  return at::cat({parts[0], weights.back().view({1, -1, 1, 1}) * parts[1].tanh()}, 1);
}

/// `weights`: the weights of all layers, then their biases.
torch::Tensor run_dense(const torch::Tensor& x1, at::TensorList weights) {
  const auto layers = weights.size() / 2;
  auto h = x1.flatten(1);
  for (std::size_t i = 0; i < layers; ++i) {
    const auto input = (i > 0 ? h.relu() : h).to(weights[i].scalar_type());
    h = input.mm(weights[i].t()).to(x1.scalar_type()) + weights[layers + i];
  }
  return h.view(x1.sizes());
}

}  // namespace

WeightNormConvImpl::WeightNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel)
    : inputs_(inputs), outputs_(outputs), kernel_(kernel) {
  reset();
}

void WeightNormConvImpl::reset() {
  weight_v = register_parameter("weight_v", torch::ones({outputs_, inputs_, kernel_, kernel_}));
  weight_g = register_parameter("weight_g", torch::zeros(outputs_));
  bias = register_parameter("bias", torch::zeros(outputs_));
}

void WeightNormConvImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::WeightNormConv(" << inputs_ << ", " << outputs_ << ", " << kernel_ << "x" << kernel_ << ")";
}

void WeightNormConvImpl::draw(WeightSource& source, double length) {
  const torch::NoGradGuard no_grad;
  constexpr double kDeviation = 0.05;
  weight_v.copy_(source.normal(weight_v.sizes()) * kDeviation);
  weight_g.fill_(length);
}

FoldedConvolution WeightNormConvImpl::fold() const {
  const auto length = weight_v.flatten(1).square().sum(1).sqrt();
  auto folded = fold_gathering({weight_v, torch::zeros_like(bias.detach()), weight_g / length});
  folded.bias = bias;
  return folded;
}

ResidualNetworkImpl::ResidualNetworkImpl(std::int64_t channels, std::int64_t hidden_width, std::int64_t blocks)
    : channels_(channels), hidden_width_(hidden_width), blocks_(blocks) {
  reset();
}

void ResidualNetworkImpl::reset() {
  input = register_module("input", WeightNormConv(channels_, hidden_width_, 3));
  convolutions = register_module("convolutions", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < 2 * blocks_; ++i) {
    convolutions->push_back(WeightNormConv(hidden_width_, hidden_width_, 3));
  }
  output = register_module("output", WeightNormConv(hidden_width_, 2 * channels_, 1));
  bound = register_parameter("bound", torch::ones(channels_));
}

void ResidualNetworkImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::ResidualNetwork(" << channels_ << ", width " << hidden_width_ << ", " << blocks_ << " blocks)";
}

void ResidualNetworkImpl::draw(WeightSource& source) {
  input->draw(source, 1);
  for (std::size_t i = 0; i < convolutions->size(); ++i) {
    // A ReLU halves the second moment: filters of length sqrt(2) restore it. Filters of length 1/sqrt(blocks) keep the
    // sum of all blocks' outputs of the order of the input.
    const double length = i % 2 == 0 ? std::sqrt(2.0) : 1 / std::sqrt(static_cast<double>(blocks_));
    convolutions->ptr<WeightNormConvImpl>(i)->draw(source, length);
  }
  output->draw(source, 0);
}

FoldedNetwork ResidualNetworkImpl::fold() const {
  std::vector<FoldedConvolution> layers{input->fold()};
  for (std::size_t i = 0; i < convolutions->size(); ++i) {
    layers.push_back(convolutions->ptr<WeightNormConvImpl>(i)->fold());
  }
  layers.push_back(output->fold());
  FoldedNetwork folded{run_residual, {}, layers.size() - 1};
  for (const auto& layer : layers) folded.weights.push_back(layer.weight);
  for (const auto& layer : layers) folded.weights.push_back(layer.bias);
  folded.weights.push_back(bound);
  return folded;
}

DenseLayerImpl::DenseLayerImpl(std::int64_t inputs, std::int64_t outputs) : inputs_(inputs), outputs_(outputs) {
  reset();
}

void DenseLayerImpl::reset() {
  weight = register_parameter("weight", torch::zeros({outputs_, inputs_}));
  bias = register_parameter("bias", torch::zeros(outputs_));
}

void DenseLayerImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::DenseLayer(" << inputs_ << ", " << outputs_ << ")";
}

DenseNetworkImpl::DenseNetworkImpl(std::int64_t numbers, std::int64_t hidden_width, std::int64_t hidden_layers)
    : numbers_(numbers), hidden_width_(hidden_width), hidden_layers_(hidden_layers) {
  reset();
}

void DenseNetworkImpl::reset() {
  layers = register_module("layers", torch::nn::ModuleList());
  for (std::int64_t i = 0; i <= hidden_layers_; ++i) {
    layers->push_back(DenseLayer(i == 0 ? numbers_ : hidden_width_, i == hidden_layers_ ? numbers_ : hidden_width_));
  }
}

void DenseNetworkImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::DenseNetwork(" << numbers_ << ", width " << hidden_width_ << ", " << hidden_layers_
         << " hidden layers)";
}

void DenseNetworkImpl::draw(WeightSource& source) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i + 1 < layers->size(); ++i) {
    auto& weight = layers->ptr<DenseLayerImpl>(i)->weight;
    weight.copy_(source.normal(weight.sizes()) * std::sqrt(2 / static_cast<double>(weight.size(1))));
  }
}

FoldedNetwork DenseNetworkImpl::fold() const {
  FoldedNetwork folded{run_dense, {}, layers->size() - 1};
  for (std::size_t i = 0; i < layers->size(); ++i) folded.weights.push_back(layers->ptr<DenseLayerImpl>(i)->weight);
  for (std::size_t i = 0; i < layers->size(); ++i) folded.weights.push_back(layers->ptr<DenseLayerImpl>(i)->bias);
  return folded;
}

}  // namespace glow::nn
