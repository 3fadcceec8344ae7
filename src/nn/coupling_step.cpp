#include "nn/coupling_step.h"

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <glow/error.h>

#include "nn/family.h"
#include "ops/coupling.h"
#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

constexpr std::int64_t kCheckerboardSteps = 3;

/// The order of squeezed channels, int64 [C], that begins with the even squares of a checkerboard over the pixels and
/// ends with the odd ones.
torch::Tensor checkerboard_order(std::int64_t channels) {
  // A squeezed channel has the index c*4 + dy*2 + dx; its square is even if dy + dx is even.
  const auto first = torch::arange(0, channels, 4, torch::kLong);
  const auto of_offsets = [&](std::int64_t one, std::int64_t other) {
    return at::stack({first + one, first + other}, 1).flatten();
  };
  return at::cat({of_offsets(0, 3), of_offsets(1, 2)});
}

/// The permutation that swaps the two halves of the channels.
torch::Tensor swapped_halves(std::int64_t channels) { return torch::arange(channels, torch::kLong).roll(channels / 2); }

}  // namespace

CouplingStepImpl::CouplingStepImpl(const GlowOptions& options, std::int64_t level, std::int64_t step)
    : options_(options), level_(level), step_(step) {
  reset();
}

void CouplingStepImpl::reset() {
  const auto shape = level_shape(options_, level_);
  const bool is_residual = family_spec(options_.family).step_kind(options_) == StepKind::kResidualStep;
  if (is_residual) batch_norm = register_module("batch_norm", BatchNorm(shape.channels));
  permutation = register_module("permutation", Permutation(options_.permutation, shape.channels));
  const auto half = shape.channels / 2;
  if (is_residual) {
    permutation->indices.copy_(realnvp_order(options_, level_, step_));
    residual =
        register_module("network", ResidualNetwork(half, options_.hidden_width << level_, options_.residual_blocks));
  } else {
    dense = register_module(
        "network", DenseNetwork(half * shape.height * shape.width, options_.hidden_width, options_.hidden_layers));
  }
}

void CouplingStepImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::CouplingStep(" << to_string(options_.family) << ", level " << level_ << ", step " << step_
         << ")";
}

void CouplingStepImpl::draw(WeightSource& source) { residual ? residual->draw(source) : dense->draw(source); }

std::shared_ptr<const FlowLayers> CouplingStepImpl::layers(std::span<const Step* const> steps,
                                                           const LayerMode& mode) const {
  std::vector<CouplingStepLayer> layers;
  for (const auto* each : steps) {
    const auto& step = dynamic_cast<const CouplingStepImpl&>(*each);
    const bool by_batch = step.batch_norm && mode.by_batch;
    auto& layer = layers.emplace_back();
    layer.order = step.permutation->indices;
    layer.order_back = step.permutation->indices.argsort();
    if (step.batch_norm && !by_batch) layer.moments = step.batch_norm->running();
    layer.by_batch = by_batch;
    layer.sum_over_processes = mode.sum_over_processes;
    layer.kind = step.residual ? ops::CouplingKind::kAffineExp : ops::CouplingKind::kAdditive;
    layer.network = step.residual ? step.residual->fold() : step.dense->fold();
  }
  return std::make_shared<CouplingStepLayers>(std::move(layers));
}

void CouplingStepImpl::visit(PartVisitor& visitor, const std::string& name, bool by_batch) {
  const auto identity = [](const torch::Tensor& z) { return z; };
  if (batch_norm) {
    visitor.start(name + ".batch_norm", *batch_norm, identity);
    const auto moments = [&](const torch::Tensor& z) { return by_batch ? channel_moments(z) : batch_norm->running(); };
    visitor.result(name + ".batch_norm", [&](const auto& z) { return normalizing_log_det(moments(z)); });
    visitor.result(name + ".batch_norm", [&](const auto& z) { return normalize(moments(z), z); });
  }
  const Step* const self = this;
  const auto step = layers(std::span(&self, 1), {.by_batch = by_batch});
  visitor.result(name + ".network", [&](const auto& z) { return step->forward(0, z, /*keep=*/false).log_det; });
  visitor.advance([&](const auto& z) { return step->forward(0, z, /*keep=*/false).y; });
  visitor.result(name + ".network", identity);
}

torch::Tensor realnvp_order(const GlowOptions& options, std::int64_t level, std::int64_t step) {
  const auto channels = level_shape(options, level).channels;
  const bool is_checkerboard = level == options.levels - 1 || step < kCheckerboardSteps;
  if (step == 0) return checkerboard_order(channels);
  if (is_checkerboard || step > kCheckerboardSteps) return swapped_halves(channels);
  // After two swaps the channels are in checkerboard order: restore the order of the squeeze.
  return checkerboard_order(channels).argsort();
}

namespace {

/// The coupling network of z's first half.
torch::Tensor network_output(const CouplingStepLayer& layer, const torch::Tensor& z) {
  const ops::Tf32Guard guard(layer.tf32, z.device());
  return layer.network.function(z.narrow(1, 0, z.size(1) / 2), layer.network.weights);
}

}  // namespace

std::vector<torch::Tensor> CouplingStepLayers::weights() const {
  std::vector<torch::Tensor> all;
  for (const auto& layer : layers_) all.insert(all.end(), layer.network.weights.begin(), layer.network.weights.end());
  return all;
}

std::shared_ptr<const FlowLayers> CouplingStepLayers::with(at::TensorList weights) const {
  auto layers = layers_;
  std::size_t next = 0;
  for (auto& layer : layers) {
    for (auto& weight : layer.network.weights) weight = weights[next++];
  }
  return std::make_shared<CouplingStepLayers>(std::move(layers));
}

std::shared_ptr<const FlowLayers> CouplingStepLayers::prepared(HiddenPrecision precision, std::size_t first,
                                                               std::size_t count) const {
  auto layers = layers_;
  for (auto k = first; k < first + count; ++k) {
    layers[k].tf32 = precision == HiddenPrecision::kTf32;
    if (precision != HiddenPrecision::kBf16) continue;
    auto& [function, weights, hidden] = layers[k].network;
    for (std::size_t i = 0; i < hidden; ++i) weights[i] = weights[i].to(torch::kBFloat16);
  }
  return std::make_shared<CouplingStepLayers>(std::move(layers));
}

std::shared_ptr<const FlowLayers> CouplingStepLayers::with_inverses() const {
  return std::make_shared<CouplingStepLayers>(*this);
}

std::shared_ptr<const FlowLayers> CouplingStepLayers::for_backward(const torch::Tensor& /*y*/,
                                                                   bool /*inverses*/) const {
  return std::make_shared<CouplingStepLayers>(*this);
}

FlowLayers::Forward CouplingStepLayers::forward(std::size_t k, const torch::Tensor& x, bool /*keep*/) const {
  const auto& layer = layers_[k];
  const auto moments = layer.by_batch ? channel_moments(x, layer.sum_over_processes) : layer.moments;
  const auto normalized = moments.mean.defined() ? normalize(moments, x) : x;
  const auto z = normalized.index_select(1, layer.order).contiguous(at::MemoryFormat::ChannelsLast);
  auto [y, log_det] = ops::couple(layer.kind, z, network_output(layer, z));
  if (moments.mean.defined()) {
    const auto of_norm = normalizing_log_det(moments) * static_cast<double>(x.size(2) * x.size(3));
    log_det = log_det.defined() ? log_det + of_norm : of_norm.expand({x.size(0)});
  }
  Forward result{y, log_det, {}};
  if (layer.by_batch) result.kept.batch_moments = {moments.mean.detach(), moments.variance.detach()};
  return result;
}

torch::Tensor CouplingStepLayers::inverse(std::size_t k, const torch::Tensor& y, const Kept& kept) const {
  const auto& layer = layers_[k];
  const auto& moments = layer.by_batch ? kept.batch_moments : layer.moments;
  if (layer.by_batch && !moments.mean.defined()) {
    throw Error("batch norm: the moments of the batch are known in the forward pass only");
  }
  const auto z = ops::uncouple(layer.kind, y, network_output(layer, y));
  const auto normalized = z.index_select(1, layer.order_back);
  return moments.mean.defined() ? denormalize(moments, normalized) : normalized;
}

torch::Tensor CouplingStepLayers::backward(std::size_t k, const Pass& pass, torch::Tensor gradient,
                                           const torch::Tensor& log_det_gradient,
                                           std::vector<torch::Tensor>& gradients) const {
  // Records the graph of the layer again and differentiates it.
  const torch::AutoGradMode with_graph(true);
  const auto leaf = [](const torch::Tensor& tensor) { return tensor.detach().requires_grad_(); };
  std::size_t first_weight = 0;
  for (std::size_t i = 0; i < k; ++i) first_weight += layers_[i].network.weights.size();
  std::vector<torch::Tensor> inputs{leaf(pass.x)};
  auto recorded = layers_[k];
  for (auto& weight : recorded.network.weights) {
    weight = leaf(weight);
    inputs.push_back(weight);
  }
  const auto output = CouplingStepLayers({recorded}).prepared(pass.precision)->forward(0, inputs.front(), false);
  std::vector<torch::Tensor> outputs{output.y}, of_outputs{std::move(gradient)};
  if (output.log_det.defined() && output.log_det.requires_grad()) {
    outputs.push_back(output.log_det);
    of_outputs.push_back(log_det_gradient);
  }
  auto of_inputs = torch::autograd::grad(outputs, inputs, of_outputs, /*retain_graph=*/false, /*create_graph=*/false,
                                         /*allow_unused=*/true);
  std::move(of_inputs.begin() + 1, of_inputs.end(), gradients.begin() + static_cast<std::ptrdiff_t>(first_weight));
  return of_inputs.front();
}

}  // namespace glow::nn
