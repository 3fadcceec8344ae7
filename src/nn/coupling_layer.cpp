#include <glow/nn/coupling_layer.h>

#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "ops/tf32_guard.h"

namespace glow::nn {
namespace {

constexpr std::int64_t kCheckerboardSteps = 3;

/// First the channels of the even squares of a checkerboard before the squeeze, then those of the odd ones.
torch::Tensor checkerboard_order(std::int64_t channels) {
  // Channel c*4 + dy*2 + dx; a square is even when dy + dx is.
  const auto first = torch::arange(0, channels, 4, torch::kLong);
  const auto of_offsets = [&](std::int64_t one, std::int64_t other) {
    return at::stack({first + one, first + other}, 1).flatten();
  };
  return at::cat({of_offsets(0, 3), of_offsets(1, 2)});
}

/// y_i = x_{second[i]} after y_i = x_{first[i]}.
torch::Tensor swapped_halves(std::int64_t channels) { return torch::arange(channels, torch::kLong).roll(channels / 2); }

torch::Tensor network_output(const FoldedLayer& layer, const torch::Tensor& z) {
  const ops::Tf32Guard guard(layer.tf32);
  return layer.network.function(z.narrow(1, 0, z.size(1) / 2), layer.network.weights);
}

}  // namespace

CouplingLayerImpl::CouplingLayerImpl(const GlowOptions& options, std::int64_t level, std::int64_t step)
    : options_(options), level_(level), step_(step) {
  reset();
}

void CouplingLayerImpl::reset() {
  const auto shape = level_shape(options_, level_);
  const bool is_realnvp = options_.family == Family::kRealNVP;
  if (is_realnvp) batch_norm = register_module("batch_norm", BatchNorm(shape.channels));
  permutation = register_module("permutation", Permutation(options_.permutation, shape.channels));
  const auto half = shape.channels / 2;
  if (is_realnvp) {
    permutation->indices.copy_(realnvp_order(options_, level_, step_));
    residual =
        register_module("network", ResidualNetwork(half, options_.hidden_width << level_, options_.residual_blocks));
  } else {
    dense = register_module(
        "network", DenseNetwork(half * shape.height * shape.width, options_.hidden_width, options_.hidden_layers));
  }
}

void CouplingLayerImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::CouplingLayer(" << to_string(options_.family) << ", level " << level_ << ", step " << step_
         << ")";
}

void CouplingLayerImpl::draw(WeightSource& source) { residual ? residual->draw(source) : dense->draw(source); }

FoldedLayer CouplingLayerImpl::fold(bool by_batch, const SumOverProcesses& sum) const {
  return {.order = permutation->indices,
          .order_back = permutation->indices.argsort(),
          .moments = batch_norm && !by_batch ? batch_norm->running() : ChannelMoments{},
          .by_batch = batch_norm && by_batch,
          .sum_over_processes = sum,
          .kind = residual ? LayerKind::kExponential : LayerKind::kAdditive,
          .network = residual ? residual->fold() : dense->fold()};
}

torch::Tensor realnvp_order(const GlowOptions& options, std::int64_t level, std::int64_t step) {
  const auto channels = level_shape(options, level).channels;
  const bool is_checkerboard = level == options.levels - 1 || step < kCheckerboardSteps;
  if (step == 0) return checkerboard_order(channels);
  if (is_checkerboard || step > kCheckerboardSteps) return swapped_halves(channels);
  // After an even number of swaps the channels lie as the checkerboard has them; back to the squeeze's order.
  return checkerboard_order(channels).argsort();
}

LayerResult apply(const FoldedLayer& layer, const torch::Tensor& x) {
  const auto moments = layer.by_batch ? channel_moments(x, layer.sum_over_processes) : layer.moments;
  const auto normalized = moments.mean.defined() ? normalize(moments, x) : x;
  const auto z = normalized.index_select(1, layer.order).contiguous(at::MemoryFormat::ChannelsLast);
  const auto h = network_output(layer, z);
  auto [y, log_det] = layer.kind == LayerKind::kAdditive ? ops::couple(ops::CouplingKind::kAdditive, z, h)
                                                         : ops::couple_exponential(z, h);
  if (!log_det.defined()) log_det = torch::zeros({x.size(0)}, x.options().requires_grad(false));
  if (moments.mean.defined()) {
    log_det = log_det + normalizing_log_det(moments) * static_cast<double>(x.size(2) * x.size(3));
  }
  LayerResult result{y, log_det, {}};
  if (layer.by_batch) result.moments = {moments.mean.detach(), moments.variance.detach()};
  return result;
}

torch::Tensor apply_inverse(const FoldedLayer& layer, const torch::Tensor& y) {
  if (layer.by_batch) throw Error("batch norm: the batch's moments are known on the way forward alone");
  return apply_inverse(layer, layer.moments, y);
}

torch::Tensor apply_inverse(const FoldedLayer& layer, const ChannelMoments& moments, const torch::Tensor& y) {
  const auto h = network_output(layer, y);
  const auto z = layer.kind == LayerKind::kAdditive ? ops::uncouple(ops::CouplingKind::kAdditive, y, h)
                                                    : ops::uncouple_exponential(y, h);
  const auto normalized = z.index_select(1, layer.order_back);
  return moments.mean.defined() ? denormalize(moments, normalized) : normalized;
}

FoldedLayer in_precision(FoldedLayer layer, HiddenPrecision precision) {
  layer.tf32 = precision == HiddenPrecision::kTf32;
  if (precision != HiddenPrecision::kBf16) return layer;
  auto& [function, weights, hidden] = layer.network;
  for (std::size_t i = 0; i < hidden; ++i) weights[i] = weights[i].to(torch::kBFloat16);
  return layer;
}

}  // namespace glow::nn
