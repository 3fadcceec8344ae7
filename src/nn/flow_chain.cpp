#include <glow/nn/flow_chain.h>

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "nn/step_passes.h"
#include "ops/patches.h"

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What leads from one end of the chain to the other, for a backward pass from y to x.
struct Trace {
  /// The flow variable before every step and after the last; with kReversible only the two ends are defined.
  std::vector<torch::Tensor> z;
  /// Of every step with kStore, else empty.
  std::vector<NetActivations> activations;
  torch::Tensor log_det;
};

Trace run(const std::vector<StepWeights>& steps, CouplingKind kind, const torch::Tensor& x, MemoryPolicy memory,
          bool for_backward) {
  Trace trace{{x}, {}, torch::zeros({x.size(0)}, x.options())};
  auto z = x;
  for (const auto& step : steps) {
    auto forward = step_forward(step, kind, z);
    z = forward.y;
    if (forward.log_det.defined()) trace.log_det += forward.log_det;
    if (!for_backward) continue;
    trace.z.push_back(z);
    if (memory == MemoryPolicy::kReversible && &step != &steps.back()) trace.z.back() = torch::Tensor();
    if (memory == MemoryPolicy::kStore) trace.activations.push_back(std::move(forward.activations));
  }
  trace.z.back() = z;
  return trace;
}

/// The chain as one node. `weights`: those of every step, one after the other (StepWeights::kCount each).
class ChainFunction : public torch::autograd::Function<ChainFunction> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList weights,
                               CouplingKind kind, MemoryPolicy memory) {
    const auto steps = unpack(weights);
    const auto trace = run(steps, kind, x, memory, /*for_backward=*/true);
    variable_list saved(weights.begin(), weights.end());
    saved.insert(saved.end(), trace.z.begin(), trace.z.end());
    for (const auto& activations : trace.activations) {
      for (const auto& tensor : {activations.hidden1, activations.hidden2, activations.h}) saved.push_back(tensor);
    }
    context->save_for_backward(std::move(saved));
    context->saved_data["steps"] = static_cast<std::int64_t>(steps.size());
    context->saved_data["kind"] = static_cast<std::int64_t>(kind);
    return {trace.z.back(), trace.log_det};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (torch::GradMode::is_enabled()) throw Error("a flow's gradient has no gradient of its own");
    const auto saved = context->get_saved_variables();
    const auto count = static_cast<std::size_t>(context->saved_data["steps"].toInt());
    const auto kind = static_cast<CouplingKind>(context->saved_data["kind"].toInt());
    const auto weights_end = count * StepWeights::kCount, z_end = weights_end + count + 1;
    const auto steps = unpack(at::TensorList(saved).slice(0, weights_end));
    const bool stored = saved.size() > z_end;

    variable_list result(1 + weights_end + 2);  // x, the weights, kind and memory
    auto z = saved[z_end - 1];
    // Changed in place from step to step, so it must be the chain's own.
    auto gradient = gradients[0].clone(at::MemoryFormat::ChannelsLast);
    const auto& log_det_gradient = gradients[1];
    const auto outside_mask = ops::outside_mask(z.size(2), z.size(3), z.options());
    for (auto k = count; k-- > 0;) {
      const auto& step = steps[k];
      const auto at = z_end + 3 * k;
      const auto activations = stored ? NetActivations{saved[at], saved[at + 1], saved[at + 2]} : run_net(step, z);
      const auto& kept = saved[weights_end + k];
      const auto before = kept.defined() ? kept : step_inverse(inverse_map(step), kind, z, activations);
      auto of_step = step_backward(step, kind, {before, z, activations, outside_mask}, gradient, log_det_gradient);
      std::move(of_step.weights.begin(), of_step.weights.end(), result.begin() + 1 + k * StepWeights::kCount);
      gradient = of_step.x;
      z = before;
    }
    result[0] = gradient;
    return result;
  }

 private:
  static std::vector<StepWeights> unpack(at::TensorList weights) {
    std::vector<StepWeights> steps;
    for (std::size_t first = 0; first < weights.size(); first += StepWeights::kCount) {
      steps.push_back(StepWeights::from(weights.slice(first, StepWeights::kCount)));
    }
    return steps;
  }

  static ops::ChannelMap inverse_map(const StepWeights& step) {
    return ops::invert({step.map_weight, step.map_bias, torch::zeros({}, step.map_bias.options())});
  }
};

/// log|det| of the maps, which depends on the weights alone: a scalar.
torch::Tensor log_det_of_maps(const std::vector<FoldedStep>& steps, const torch::Tensor& x) {
  std::vector<torch::Tensor> of_pixel;
  for (const auto& step : steps) of_pixel.push_back(step.map.log_abs_det);
  return at::stack(of_pixel).sum() * static_cast<double>(x.size(2) * x.size(3));
}

}  // namespace

ops::CouplingResult apply(const std::vector<FoldedStep>& steps, const torch::Tensor& x, MemoryPolicy memory) {
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  if (steps.empty()) return {input, torch::zeros({x.size(0)}, x.options())};
  const auto kind = steps.front().kind;
  std::vector<StepWeights> all;
  for (const auto& step : steps) all.push_back(StepWeights::of(step));
  const auto of_maps = log_det_of_maps(steps, x);
  if (!torch::GradMode::is_enabled()) {
    const auto trace = run(all, kind, input, memory, /*for_backward=*/false);
    return {trace.z.back(), trace.log_det + of_maps};
  }
  variable_list weights;
  for (const auto& step : all) step.append_to(weights);
  const auto results = ChainFunction::apply(input, at::TensorList(weights), kind, memory);
  return {results[0], results[1] + of_maps};
}

}  // namespace glow::nn
