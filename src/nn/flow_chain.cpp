#include <glow/nn/flow_chain.h>

#include <array>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "nn/fold_steps.h"
#include "nn/reconstruction_error.h"
#include "nn/step_passes.h"
#include "ops/patches.h"

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A step's weights that gradients are for, as a list.
constexpr std::size_t kWeightsOfAStep = 11;

std::array<torch::Tensor, kWeightsOfAStep> to_list(const torch::Tensor& map_weight, const torch::Tensor& map_bias,
                                                   const ScaledCouplingNet& net) {
  const auto& [first, second, third] = net;
  return {map_weight,  map_bias,     first.weight, first.bias, first.scale, second.weight,
          second.bias, second.scale, third.weight, third.bias, third.scale};
}

ops::ChannelMap to_map(at::TensorList weights) {
  return {weights[0], weights[1], torch::zeros({}, weights[1].options())};
}

/// The reverse of to_list; the network is not folded yet.
FoldedStep to_step(at::TensorList weights, CouplingKind kind) {
  FoldedStep step;
  step.map = to_map(weights);
  step.kind = kind;
  step.scaled_net = {{weights[2], weights[3], weights[4]},
                     {weights[5], weights[6], weights[7]},
                     {weights[8], weights[9], weights[10]}};
  return step;
}

/// What kStore keeps of a step beside its flow variable, as a list.
constexpr std::size_t kStoredOfAStep = 10;

std::array<torch::Tensor, kStoredOfAStep> to_list(const FoldedCouplingNet& net, const NetActivations& activations) {
  const auto& [first, second, third, tf32] = net;
  const auto& [hidden1, hidden2, h] = activations;
  return {first.weight, first.bias,    second.weight, second.bias, third.weight,
          third.bias,   third.outside, hidden1,       hidden2,     h};
}

/// The reverse of to_list.
std::pair<FoldedCouplingNet, NetActivations> to_stored(at::TensorList stored, HiddenPrecision precision) {
  return {{{stored[0], stored[1]},
           {stored[2], stored[3]},
           {stored[4], stored[5], stored[6]},
           precision == HiddenPrecision::kTf32},
          {stored[7], stored[8], stored[9]}};
}

/// The chain as one node. `weights`: those of every step, one after the other.
class ChainFunction : public torch::autograd::Function<ChainFunction> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList weights,
                               CouplingKind kind, const ChainOptions& options) {
    const auto steps = weights.size() / kWeightsOfAStep;
    // The flow variable before every step and after the last; with kReversible only the two ends are defined.
    variable_list z{x}, stored;
    auto log_det = torch::zeros({x.size(0)}, x.options());
    auto y = x;
    for (std::size_t k = 0; k < steps; ++k) {
      auto step = to_step(weights.slice(k * kWeightsOfAStep, kWeightsOfAStep), kind);
      step.net = fold(step.scaled_net, options.precision);
      const auto forward = step_forward(step, y);
      y = forward.y;
      if (forward.log_det.defined()) log_det += forward.log_det;
      const bool kept = options.memory != MemoryPolicy::kReversible || k + 1 == steps;
      z.push_back(kept ? y : torch::Tensor());
      if (options.memory != MemoryPolicy::kStore) continue;
      const auto of_step = to_list(step.net, forward.activations);
      stored.insert(stored.end(), of_step.begin(), of_step.end());
    }
    variable_list saved(weights.begin(), weights.end());
    saved.insert(saved.end(), z.begin(), z.end());
    saved.insert(saved.end(), stored.begin(), stored.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["steps"] = static_cast<std::int64_t>(steps);
    context->saved_data["kind"] = static_cast<std::int64_t>(kind);
    context->saved_data["precision"] = static_cast<std::int64_t>(options.precision);
    // Written to in the backward pass, which what is saved for it must not be.
    context->saved_data["error"] = options.reconstruction_error;
    return {y, log_det};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (torch::GradMode::is_enabled()) throw Error("a flow's gradient has no gradient of its own");
    const auto saved = context->get_saved_variables();
    const auto count = static_cast<std::size_t>(context->saved_data["steps"].toInt());
    const auto kind = static_cast<CouplingKind>(context->saved_data["kind"].toInt());
    const auto precision = static_cast<HiddenPrecision>(context->saved_data["precision"].toInt());
    const auto weights_end = count * kWeightsOfAStep, z_end = weights_end + count + 1;
    const auto stored_of_a_step = saved.size() > z_end ? kStoredOfAStep : 0;

    variable_list result(1 + weights_end + 2);  // x, the weights, kind and options
    auto z = saved[z_end - 1];
    // Changed in place from step to step, so it must be the chain's own.
    auto gradient = gradients[0].clone(at::MemoryFormat::ChannelsLast);
    const auto outside_mask = ops::outside_mask(z.size(2), z.size(3), z.options());
    const auto inverses = inverse_maps(at::TensorList(saved).slice(0, weights_end), saved[weights_end + count / 2]);
    for (auto k = count; k-- > 0;) {
      const auto first = k * kWeightsOfAStep;
      auto step = to_step(at::TensorList(saved).slice(first, kWeightsOfAStep), kind);
      const auto stored = at::TensorList(saved).slice(z_end + k * stored_of_a_step, stored_of_a_step);
      const auto activations = prepare(step, stored, precision, z);
      auto before = saved[weights_end + k];
      if (!inverses.empty()) {
        const auto rebuilt = step_inverse(inverses[k], kind, z, activations);
        // Only the level's own input is there to compare with.
        if (before.defined()) report_reconstruction(context->saved_data["error"].toTensor(), rebuilt, before);
        if (!before.defined()) before = rebuilt;
      }
      auto of_step = step_backward(step, {before, z, activations, outside_mask}, gradient, gradients[1]);
      auto of_weights =
          to_list(of_step.map_weight, of_step.map_bias, fold_backward(step.scaled_net, std::move(of_step.net)));
      std::move(of_weights.begin(), of_weights.end(), result.begin() + 1 + first);
      gradient = of_step.x;
      z = before;
    }
    result[0] = gradient;
    return result;
  }

 private:
  /// Gives the step its folded network; returns what that computed on the way. Both are stored, or made again from z.
  static NetActivations prepare(FoldedStep& step, at::TensorList stored, HiddenPrecision precision,
                                const torch::Tensor& z) {
    if (stored.empty()) {
      step.net = fold(step.scaled_net, precision);
      return run_net(step.net, z);
    }
    auto [net, activations] = to_stored(stored, precision);
    step.net = std::move(net);
    return activations;
  }

  /// Of all steps, when they are needed: `between` is a flow variable between them, and was not kept.
  static std::vector<ops::ChannelMap> inverse_maps(at::TensorList weights, const torch::Tensor& between) {
    if (between.defined()) return {};
    std::vector<ops::ChannelMap> maps;
    for (std::size_t first = 0; first < weights.size(); first += kWeightsOfAStep) {
      maps.push_back(to_map(weights.slice(first, kWeightsOfAStep)));
    }
    return invert_each(maps);
  }
};

/// log|det| of the maps, which depends on the weights alone: a scalar.
torch::Tensor log_det_of_maps(const std::vector<FoldedStep>& steps, const torch::Tensor& x) {
  std::vector<torch::Tensor> of_pixel;
  for (const auto& step : steps) of_pixel.push_back(step.map.log_abs_det);
  return at::stack(of_pixel).sum() * static_cast<double>(x.size(2) * x.size(3));
}

}  // namespace

ops::CouplingResult apply_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& x) {
  auto y = x.contiguous(at::MemoryFormat::ChannelsLast);
  auto log_det = torch::zeros({x.size(0)}, x.options());
  for (const auto& step : steps) {
    const auto forward = step_forward(step, y);
    y = forward.y;
    if (forward.log_det.defined()) log_det += forward.log_det;
  }
  return {y, log_det + log_det_of_maps(steps, x)};
}

ops::CouplingResult apply_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& x,
                                const ChainOptions& options) {
  variable_list weights;
  for (const auto& step : steps) {
    const auto of_step = to_list(step.map.weight, step.map.bias, step.scaled_net);
    weights.insert(weights.end(), of_step.begin(), of_step.end());
  }
  const auto results = ChainFunction::apply(x.contiguous(at::MemoryFormat::ChannelsLast), at::TensorList(weights),
                                            steps.front().kind, options);
  return {results[0], results[1] + log_det_of_maps(steps, x)};
}

torch::Tensor invert_steps(const std::vector<FoldedStep>& steps, const torch::Tensor& y) {
  auto x = y;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) x = apply_inverse(*step, x);
  return x;
}

}  // namespace glow::nn
