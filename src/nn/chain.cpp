#include "nn/chain.h"

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The layers of a graph node and the options of their application; the weights are among the node's saved tensors.
struct ChainPlan : torch::CustomClassHolder {
  FlowLayers layers;
  ChainOptions options;
  /// Where the weights of layer k begin in the list of all weights; one entry more than layers.
  std::vector<std::size_t> first_weight{0};
  /// The same for Kept::activations in the list of all stored activations.
  std::vector<std::size_t> first_activation{0};

  bool is_reversible() const { return options.memory == MemoryPolicy::kReversible; }
  bool stores() const { return options.memory == MemoryPolicy::kStore; }
  std::shared_ptr<const FlowLayer> layer(std::size_t k, at::TensorList weights) const {
    return layers[k]->with(weights.slice(first_weight[k], first_weight[k + 1] - first_weight[k]), options.precision);
  }
};

/// The tensors that a node saves: the weights, then the flow variable before every layer and after the last (with
/// kReversible only the first and the last are defined), then mean and variance of every layer's batch, then the
/// activations.
class SavedTensors {
 public:
  SavedTensors(const ChainPlan& plan, const variable_list& saved)
      : plan_(plan), saved_(saved), z_begin_(plan.first_weight.back()) {}

  at::TensorList weights() const { return at::TensorList(saved_).slice(0, z_begin_); }
  const torch::Tensor& z(std::size_t k) const { return saved_[z_begin_ + k]; }
  FlowLayer::Kept kept(std::size_t k) const {
    const auto moments = z_begin_ + plan_.layers.size() + 1;
    const auto activations = moments + 2 * plan_.layers.size() + plan_.first_activation[k];
    const auto count = plan_.first_activation[k + 1] - plan_.first_activation[k];
    return {{saved_[moments + 2 * k], saved_[moments + 2 * k + 1]},
            at::TensorList(saved_).slice(activations, count).vec()};
  }

 private:
  const ChainPlan& plan_;
  const variable_list& saved_;
  std::size_t z_begin_;
};

/// largest = max(largest, max|rebuilt - x| / max|x|), unless `largest` is undefined.
void report_reconstruction(torch::Tensor largest, const torch::Tensor& rebuilt, const torch::Tensor& x) {
  if (!largest.defined()) return;
  const torch::NoGradGuard no_grad;
  const auto error = (rebuilt - x).abs().max() / x.abs().max();
  at::maximum_out(largest, largest, error.to(largest.options()));
}

/// The chain as one graph node. Results: y, log_det without the layers' log_abs_det, then mean and variance of each
/// layer that normalises by its batch.
class ChainFunction : public torch::autograd::Function<ChainFunction> {
 public:
  static variable_list forward(AutogradContext* context, const torch::Tensor& x, at::TensorList weights,
                               const c10::intrusive_ptr<ChainPlan>& plan) {
    const auto count = plan->layers.size();
    variable_list z{x}, moments, activations;
    auto log_det = torch::zeros({x.size(0)}, x.options());
    auto y = x;
    for (std::size_t k = 0; k < count; ++k) {
      auto result = plan->layer(k, weights)->prepared(plan->options.precision)->forward(y);
      y = result.y;
      if (result.log_det.defined()) log_det += result.log_det;
      z.push_back(!plan->is_reversible() || k + 1 == count ? y : torch::Tensor());
      const auto& [mean, variance] = result.kept.batch_moments;
      moments.insert(moments.end(), {mean, variance});
      auto& kept = result.kept.activations;
      if (plan->stores()) std::move(kept.begin(), kept.end(), std::back_inserter(activations));
      plan->first_activation.push_back(activations.size());
    }
    variable_list results{y, log_det}, saved(weights.begin(), weights.end());
    for (const auto* list : {&z, &moments, &activations}) saved.insert(saved.end(), list->begin(), list->end());
    context->save_for_backward(std::move(saved));
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    std::erase_if(moments, [](const torch::Tensor& tensor) { return !tensor.defined(); });
    context->mark_non_differentiable(moments);
    results.insert(results.end(), moments.begin(), moments.end());
    return results;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    if (torch::GradMode::is_enabled())
      throw Error("a flow is differentiable once: its gradient cannot be differentiated again");
    const auto plan = c10::static_intrusive_pointer_cast<ChainPlan>(context->saved_data["plan"].toCapsule());
    const auto tensors = context->get_saved_variables();
    const SavedTensors saved(*plan, tensors);
    const auto count = plan->layers.size();
    auto z = saved.z(count);
    FlowLayers layers;
    for (std::size_t k = 0; k < count; ++k) layers.push_back(plan->layer(k, saved.weights()));
    layers = layers.front()->for_backward(layers, z, plan->is_reversible());
    variable_list result(1 + plan->first_weight.back() + 1);  // of x, the weights and the plan
    // The layers overwrite it, so it must not be the caller's tensor.
    auto gradient = gradients[0].clone();
    for (auto k = count; k-- > 0;) {
      auto kept = saved.kept(k);
      auto x = saved.z(k);
      if (!plan->stores()) {
        const auto layer = layers[k]->prepared(plan->options.precision);
        kept.activations = layer->recompute(z);
        if (plan->is_reversible()) x = rebuilt(*layer, z, kept, x, plan->options.reconstruction_error);
      }
      auto of_layer = layers[k]->backward({x, z, kept, plan->options.precision}, gradient, gradients[1]);
      std::move(of_layer.weights.begin(), of_layer.weights.end(),
                result.begin() + 1 + static_cast<std::ptrdiff_t>(plan->first_weight[k]));
      gradient = of_layer.x;
      z = x;
    }
    result[0] = gradient;
    return result;
  }

 private:
  /// The input of a layer, computed by its inverse. `x`: the saved input for the first layer, else undefined.
  static torch::Tensor rebuilt(const FlowLayer& layer, const torch::Tensor& y, const FlowLayer::Kept& kept,
                               const torch::Tensor& x, const torch::Tensor& largest_error) {
    const auto result = layer.inverse(y, kept);
    if (!x.defined()) return result;
    report_reconstruction(largest_error, result, x);
    return x;
  }
};

/// The sum of log_abs_det over the layers and pixels: a scalar; undefined if the layers' log_abs_det is.
torch::Tensor log_det_of_weights(const FlowLayers& layers, const torch::Tensor& x) {
  std::vector<torch::Tensor> of_pixel;
  for (const auto& layer : layers) of_pixel.push_back(layer->log_abs_det());
  if (!of_pixel.front().defined()) return {};
  return at::stack(of_pixel).sum() * static_cast<double>(x.size(2) * x.size(3));
}

torch::Tensor with_log_det_of_weights(const FlowLayers& layers, const torch::Tensor& x, const torch::Tensor& log_det) {
  const auto of_weights = log_det_of_weights(layers, x);
  return of_weights.defined() ? log_det + of_weights : log_det;
}

}  // namespace

FlowLayer::Gradients FlowLayer::backward(const Pass& pass, torch::Tensor gradient,
                                         const torch::Tensor& log_det_gradient) const {
  const torch::AutoGradMode with_graph(true);
  const auto leaf = [](const torch::Tensor& tensor) { return tensor.detach().requires_grad_(); };
  variable_list inputs{leaf(pass.x)};
  for (const auto& weight : weights()) inputs.push_back(leaf(weight));
  const auto layer = with(at::TensorList(inputs).slice(1), pass.precision)->prepared(pass.precision);
  const auto output = layer->forward(inputs.front());
  variable_list outputs{output.y}, of_outputs{std::move(gradient)};
  if (output.log_det.defined() && output.log_det.requires_grad()) {
    outputs.push_back(output.log_det);
    of_outputs.push_back(log_det_gradient);
  }
  auto of_inputs = torch::autograd::grad(outputs, inputs, of_outputs, /*retain_graph=*/false, /*create_graph=*/false,
                                         /*allow_unused=*/true);
  Gradients gradients{of_inputs.front(), {}};
  std::move(of_inputs.begin() + 1, of_inputs.end(), std::back_inserter(gradients.weights));
  return gradients;
}

FlowLayers FlowLayer::for_backward(const FlowLayers& layers, const torch::Tensor& /*y*/, bool inverses) const {
  return inverses ? with_inverses(layers) : layers;
}

ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x) {
  ChainResult chain{x.contiguous(at::MemoryFormat::ChannelsLast), torch::zeros({x.size(0)}, x.options()), {}};
  for (const auto& layer : layers) {
    auto result = layer->forward(chain.y);
    chain.y = result.y;
    if (result.log_det.defined()) chain.log_det = chain.log_det + result.log_det;
    chain.batch_moments.push_back(std::move(result.kept.batch_moments));
  }
  chain.log_det = with_log_det_of_weights(layers, x, chain.log_det);
  return chain;
}

ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x, const ChainOptions& options) {
  if (options.memory == MemoryPolicy::kStore && !layers.front()->has_backward()) {
    FlowLayers prepared;
    for (const auto& layer : layers) prepared.push_back(layer->prepared(options.precision));
    return apply_layers(prepared, x);
  }
  const auto plan = c10::make_intrusive<ChainPlan>();
  plan->options = options;
  variable_list weights;
  for (const auto& layer : layers) {
    const auto of_layer = layer->weights();
    weights.insert(weights.end(), of_layer.begin(), of_layer.end());
    plan->first_weight.push_back(weights.size());
    // The plan lives as long as the node: it must not hold the weights' graph.
    plan->layers.push_back(layer->with(variable_list(of_layer.size()), options.precision));
  }
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto results = ChainFunction::apply(input, at::TensorList(weights), plan);
  ChainResult chain{results[0], with_log_det_of_weights(layers, x, results[1]), {}};
  chain.batch_moments.resize(layers.size());
  std::size_t next = 2;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    if (!layers[k]->normalizes_by_batch()) continue;
    chain.batch_moments[k] = {results[next], results[next + 1]};
    next += 2;
  }
  return chain;
}

torch::Tensor invert_layers(const FlowLayers& layers, const torch::Tensor& y) {
  auto x = y;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) x = (*layer)->inverse(x, {});
  return x;
}

}  // namespace glow::nn
