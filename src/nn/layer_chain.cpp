#include <glow/nn/layer_chain.h>

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "nn/reconstruction_error.h"

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What a node knows of its layers beside their weights.
struct LayerPlan : torch::CustomClassHolder {
  std::vector<FoldedLayer> layers;
  ChainOptions options;

  std::size_t weights_before(std::size_t layer) const {
    std::size_t count = 0;
    for (std::size_t k = 0; k < layer; ++k) count += layers[k].network.weights.size();
    return count;
  }
  /// The layer with these weights, which are those of all layers, one after the other.
  FoldedLayer layer(std::size_t k, at::TensorList all_weights) const {
    auto layer = layers[k];
    const auto count = layer.network.weights.size();
    layer.network.weights = all_weights.slice(weights_before(k), count).vec();
    return in_precision(std::move(layer), options.precision);
  }
};

/// A leaf of a graph of its own.
torch::Tensor leaf(const torch::Tensor& tensor) { return tensor.detach().requires_grad_(); }

/// The layers as one node. Results: y, log_det and the moments of the layers whose batch counts, a mean and a variance
/// each.
class LayerChainFunction : public torch::autograd::Function<LayerChainFunction> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList weights,
                               const c10::intrusive_ptr<LayerPlan>& plan) {
    const auto count = plan->layers.size();
    const bool is_reversible = plan->options.memory == MemoryPolicy::kReversible;
    // The flow variable before every layer and after the last; with kReversible only the two ends are defined.
    variable_list z{x}, moments, every_moment;
    auto log_det = torch::zeros({x.size(0)}, x.options());
    auto y = x;
    for (std::size_t k = 0; k < count; ++k) {
      const auto result = nn::apply(plan->layer(k, weights), y);
      y = result.y;
      log_det += result.log_det;
      z.push_back(!is_reversible || k + 1 == count ? y : torch::Tensor());
      every_moment.insert(every_moment.end(), {result.moments.mean, result.moments.variance});
      if (result.moments.mean.defined()) moments.insert(moments.end(), {result.moments.mean, result.moments.variance});
    }
    variable_list saved(weights.begin(), weights.end());
    saved.insert(saved.end(), z.begin(), z.end());
    saved.insert(saved.end(), every_moment.begin(), every_moment.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    context->mark_non_differentiable(moments);
    variable_list results{y, log_det};
    results.insert(results.end(), moments.begin(), moments.end());
    return results;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    if (torch::GradMode::is_enabled()) throw Error("a flow's gradient has no gradient of its own");
    const auto plan = c10::static_intrusive_pointer_cast<LayerPlan>(context->saved_data["plan"].toCapsule());
    const auto saved = context->get_saved_variables();
    const auto count = plan->layers.size(), weights_end = plan->weights_before(count);
    const auto weights = at::TensorList(saved).slice(0, weights_end);
    variable_list result(1 + weights_end + 1);  // x, the weights and the plan
    auto z = saved[weights_end + count];
    auto gradient = gradients[0];
    for (auto k = count; k-- > 0;) {
      auto before = saved[weights_end + k];
      if (plan->options.memory == MemoryPolicy::kReversible) {
        const auto* moments = &saved[weights_end + count + 1 + 2 * k];
        const auto rebuilt = rebuild(plan->layer(k, weights), {moments[0], moments[1]}, z);
        // Only the level's own input is there to compare with.
        if (before.defined()) report_reconstruction(plan->options.reconstruction_error, rebuilt, before);
        if (!before.defined()) before = rebuilt;
      }
      gradient = layer_backward(*plan, k, weights, before, {gradient, gradients[1]}, result);
      z = before;
    }
    result[0] = gradient;
    return result;
  }

 private:
  static torch::Tensor rebuild(const FoldedLayer& layer, const ChannelMoments& moments, const torch::Tensor& y) {
    return apply_inverse(layer, layer.by_batch ? moments : layer.moments, y);
  }

  /// Makes the layer's graph again. Puts its weights' gradients where they belong in `result`; returns that of x.
  static torch::Tensor layer_backward(const LayerPlan& plan, std::size_t k, at::TensorList weights,
                                      const torch::Tensor& x, const variable_list& gradients, variable_list& result) {
    const torch::AutoGradMode with_graph(true);
    variable_list leaves(weights.begin(), weights.end());
    const auto first = plan.weights_before(k), end = plan.weights_before(k + 1);
    variable_list inputs{leaf(x)};
    for (auto i = first; i < end; ++i) {
      leaves[i] = leaf(weights[i]);
      inputs.push_back(leaves[i]);
    }
    const auto output = nn::apply(plan.layer(k, leaves), inputs.front());
    variable_list outputs{output.y}, of_outputs{gradients[0]};
    if (output.log_det.requires_grad()) {  // not where volume is preserved
      outputs.push_back(output.log_det);
      of_outputs.push_back(gradients[1]);
    }
    auto of_inputs = torch::autograd::grad(outputs, inputs, of_outputs, /*retain_graph=*/false,
                                           /*create_graph=*/false, /*allow_unused=*/true);
    std::move(of_inputs.begin() + 1, of_inputs.end(), result.begin() + 1 + static_cast<std::ptrdiff_t>(first));
    return of_inputs.front();
  }
};

/// Each layer's moments out of those of the layers that have some.
std::vector<ChannelMoments> of_each_layer(const std::vector<FoldedLayer>& layers, at::TensorList moments) {
  std::vector<ChannelMoments> all(layers.size());
  std::size_t next = 0;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    if (!layers[k].by_batch) continue;
    all[k] = {moments[next], moments[next + 1]};
    next += 2;
  }
  return all;
}

}  // namespace

LayerChainResult apply_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& x) {
  LayerChainResult chain{x, torch::zeros({x.size(0)}, x.options()), {}};
  for (const auto& layer : layers) {
    const auto result = apply(layer, chain.y);
    chain.y = result.y;
    chain.log_det = chain.log_det + result.log_det;
    chain.moments.push_back(result.moments);
  }
  return chain;
}

LayerChainResult apply_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& x,
                              const ChainOptions& options) {
  if (options.memory == MemoryPolicy::kStore) {
    std::vector<FoldedLayer> rounded;
    for (const auto& layer : layers) rounded.push_back(in_precision(layer, options.precision));
    return apply_layers(rounded, x);
  }
  const auto plan = c10::make_intrusive<LayerPlan>();
  plan->layers = layers;
  plan->options = options;
  variable_list weights;
  for (auto& layer : plan->layers) {
    weights.insert(weights.end(), layer.network.weights.begin(), layer.network.weights.end());
    for (auto& weight : layer.network.weights) weight = weight.detach();  // the plan counts them, and keeps no graph
  }
  const auto results = LayerChainFunction::apply(x, at::TensorList(weights), plan);
  return {results[0], results[1], of_each_layer(layers, at::TensorList(results).slice(2))};
}

torch::Tensor invert_layers(const std::vector<FoldedLayer>& layers, const torch::Tensor& y) {
  auto x = y;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) x = apply_inverse(*layer, x);
  return x;
}

}  // namespace glow::nn
