#include "nn/coupling_step.h"

#include <utility>

#include <ATen/ATen.h>

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

std::shared_ptr<const FlowLayer> CouplingStepImpl::layer(const BatchMode& mode) const {
  const bool by_batch = batch_norm && mode.by_batch;
  CouplingStepLayer::Parts parts{
      .order = permutation->indices,
      .order_back = permutation->indices.argsort(),
      .moments = batch_norm && !by_batch ? batch_norm->running() : ChannelMoments{},
      .mode = {by_batch, mode.sum_over_processes},
      .kind = residual ? ops::CouplingKind::kAffineExp : ops::CouplingKind::kAdditive,
  };
  return std::make_shared<CouplingStepLayer>(std::move(parts), residual ? residual->fold() : dense->fold());
}

FlowLayers CouplingStepImpl::layers(std::span<const Step* const> steps, const BatchMode& mode) const {
  FlowLayers layers;
  for (const auto* step : steps) layers.push_back(dynamic_cast<const CouplingStepImpl&>(*step).layer(mode));
  return layers;
}

void CouplingStepImpl::visit(PartVisitor& visitor, const std::string& name, bool by_batch) {
  const auto identity = [](const torch::Tensor& z) { return z; };
  if (batch_norm) {
    visitor.start(name + ".batch_norm", *batch_norm, identity);
    const auto moments = [&](const torch::Tensor& z) { return by_batch ? channel_moments(z) : batch_norm->running(); };
    visitor.result(name + ".batch_norm", [&](const auto& z) { return normalizing_log_det(moments(z)); });
    visitor.result(name + ".batch_norm", [&](const auto& z) { return normalize(moments(z), z); });
  }
  const auto step = layer({.by_batch = by_batch});
  visitor.result(name + ".network", [&](const auto& z) { return step->forward(z).log_det; });
  visitor.advance([&](const auto& z) { return step->forward(z).y; });
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

torch::Tensor CouplingStepLayer::network_output(const torch::Tensor& z) const {
  const ops::Tf32Guard guard(tf32_);
  return network_.function(z.narrow(1, 0, z.size(1) / 2), network_.weights);
}

std::shared_ptr<const FlowLayer> CouplingStepLayer::with(at::TensorList weights, HiddenPrecision precision) const {
  auto layer = std::make_shared<CouplingStepLayer>(*this);
  layer->network_.weights = weights.vec();
  layer->tf32_ = precision == HiddenPrecision::kTf32;
  return layer;
}

std::shared_ptr<const FlowLayer> CouplingStepLayer::prepared(HiddenPrecision precision) const {
  auto layer = std::make_shared<CouplingStepLayer>(*this);
  layer->tf32_ = precision == HiddenPrecision::kTf32;
  if (precision != HiddenPrecision::kBf16) return layer;
  auto& [function, weights, hidden] = layer->network_;
  for (std::size_t i = 0; i < hidden; ++i) weights[i] = weights[i].to(torch::kBFloat16);
  return layer;
}

FlowLayer::Forward CouplingStepLayer::forward(const torch::Tensor& x) const {
  const auto& mode = parts_.mode;
  const auto moments = mode.by_batch ? channel_moments(x, mode.sum_over_processes) : parts_.moments;
  const auto normalized = moments.mean.defined() ? normalize(moments, x) : x;
  const auto z = normalized.index_select(1, parts_.order).contiguous(at::MemoryFormat::ChannelsLast);
  auto [y, log_det] = ops::couple(parts_.kind, z, network_output(z));
  if (moments.mean.defined()) {
    const auto of_norm = normalizing_log_det(moments) * static_cast<double>(x.size(2) * x.size(3));
    log_det = log_det.defined() ? log_det + of_norm : of_norm.expand({x.size(0)});
  }
  Forward result{y, log_det, {}};
  if (mode.by_batch) result.kept.batch_moments = {moments.mean.detach(), moments.variance.detach()};
  return result;
}

torch::Tensor CouplingStepLayer::inverse(const torch::Tensor& y, const Kept& kept) const {
  const auto& moments = parts_.mode.by_batch ? kept.batch_moments : parts_.moments;
  if (parts_.mode.by_batch && !moments.mean.defined()) {
    throw Error("batch norm: the moments of the batch are known in the forward pass only");
  }
  const auto z = ops::uncouple(parts_.kind, y, network_output(y));
  const auto normalized = z.index_select(1, parts_.order_back);
  return moments.mean.defined() ? denormalize(moments, normalized) : normalized;
}

}  // namespace glow::nn
