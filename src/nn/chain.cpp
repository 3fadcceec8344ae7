#include "nn/chain.h"

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "ops/pixel_product.h"

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The layers of a graph node and the options of their application; the weights are among the node's saved tensors.
struct ChainPlan : torch::CustomClassHolder {
  /// Without weights.
  std::shared_ptr<const FlowLayers> layers;
  ChainOptions options;
  std::size_t weights = 0;
  /// Where the activations of layer k begin in the list of all stored ones; one entry more than layers.
  std::vector<std::size_t> first_activation{0};

  bool is_reversible() const { return options.memory == MemoryPolicy::kReversible; }
  bool stores() const { return options.memory == MemoryPolicy::kStore; }
};

/// The tensors that a node saves: the weights, then the flow variable before every layer and after the last (with
/// kReversible only the first and the last are defined), then mean and variance of every layer's batch, then the
/// activations.
class SavedTensors {
 public:
  SavedTensors(const ChainPlan& plan, const variable_list& saved) : plan_(plan), saved_(saved) {}

  at::TensorList weights() const { return at::TensorList(saved_).slice(0, plan_.weights); }
  const torch::Tensor& z(std::size_t k) const { return saved_[plan_.weights + k]; }
  FlowLayers::Kept kept(std::size_t k) const {
    const auto count = plan_.layers->size();
    const auto moments = plan_.weights + count + 1;
    const auto begin = plan_.first_activation[k], end = plan_.first_activation[k + 1];
    return {{saved_[moments + 2 * k], saved_[moments + 2 * k + 1]},
            at::TensorList(saved_).slice(moments + 2 * count + begin, end - begin).vec()};
  }

 private:
  const ChainPlan& plan_;
  const variable_list& saved_;
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
    const auto layers = plan->layers->with(weights);
    const auto count = layers->size();
    variable_list z{x}, moments, activations;
    auto log_det = torch::zeros({x.size(0)}, x.options());
    auto y = x;
    for (std::size_t k = 0; k < count; ++k) {
      auto result = layers->prepared(plan->options.precision, k, 1)->forward(k, y, plan->stores());
      y = result.y;
      if (result.log_det.defined()) log_det += result.log_det;
      z.push_back(!plan->is_reversible() || k + 1 == count ? y : torch::Tensor());
      const auto& [mean, variance] = result.kept.batch_moments;
      moments.insert(moments.end(), {mean, variance});
      auto& kept = result.kept.activations;
      std::move(kept.begin(), kept.end(), std::back_inserter(activations));
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
    const ops::Tf32Guard exact(false, gradients[0].device());
    const auto plan = c10::static_intrusive_pointer_cast<ChainPlan>(context->saved_data["plan"].toCapsule());
    const auto tensors = context->get_saved_variables();
    const SavedTensors saved(*plan, tensors);
    const auto count = plan->layers->size();
    auto z = saved.z(count);
    const auto layers = plan->layers->with(saved.weights())->for_backward(z, plan->is_reversible());
    auto of_weights = layers->new_gradients();
    // The layers overwrite it, so it must not be the caller's tensor.
    auto gradient = gradients[0].clone(at::MemoryFormat::ChannelsLast);
    for (auto k = count; k-- > 0;) {
      auto kept = saved.kept(k);
      auto x = saved.z(k);
      auto layer = layers;
      if (!plan->stores()) {
        layer = layers->prepared(plan->options.precision, k, 1);
        kept.activations = layer->recompute(k, z);
        if (plan->is_reversible()) x = rebuilt(*layer, k, z, kept, x, plan->options.reconstruction_error);
      }
      gradient = layer->backward(k, {x, z, kept, plan->options.precision}, gradient, gradients[1], of_weights);
      z = x;
    }
    variable_list result{gradient};
    std::move(of_weights.begin(), of_weights.end(), std::back_inserter(result));
    result.emplace_back();  // of the plan
    return result;
  }

 private:
  /// The input of layer k, computed by its inverse. `x`: the saved input for the first layer, else undefined.
  static torch::Tensor rebuilt(const FlowLayers& layers, std::size_t k, const torch::Tensor& y,
                               const FlowLayers::Kept& kept, const torch::Tensor& x,
                               const torch::Tensor& largest_error) {
    const auto result = layers.inverse(k, y, kept);
    if (!x.defined()) return result;
    report_reconstruction(largest_error, result, x);
    return x;
  }
};

torch::Tensor with_log_det_of_weights(const FlowLayers& layers, const torch::Tensor& x, const torch::Tensor& log_det) {
  const auto of_pixel = layers.log_abs_det();
  return of_pixel.defined() ? log_det + of_pixel * static_cast<double>(x.size(2) * x.size(3)) : log_det;
}

}  // namespace

ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x) {
  ChainResult chain{x.contiguous(at::MemoryFormat::ChannelsLast), torch::zeros({x.size(0)}, x.options()), {}};
  for (std::size_t k = 0; k < layers.size(); ++k) {
    auto result = layers.forward(k, chain.y, /*keep=*/false);
    chain.y = result.y;
    if (result.log_det.defined()) chain.log_det = chain.log_det + result.log_det;
    chain.batch_moments.push_back(std::move(result.kept.batch_moments));
  }
  chain.log_det = with_log_det_of_weights(layers, x, chain.log_det);
  return chain;
}

ChainResult apply_layers(const FlowLayers& layers, const torch::Tensor& x, const ChainOptions& options) {
  if (options.memory == MemoryPolicy::kStore && !layers.has_backward()) {
    return apply_layers(*layers.prepared(options.precision), x);
  }
  const auto weights = layers.weights();
  const auto plan = c10::make_intrusive<ChainPlan>();
  // The plan lives as long as the node: it must not hold the weights' graph.
  plan->layers = layers.with(variable_list(weights.size()));
  plan->options = options;
  plan->weights = weights.size();
  const auto input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const auto results = ChainFunction::apply(input, at::TensorList(weights), plan);
  ChainResult chain{results[0], with_log_det_of_weights(layers, x, results[1]), {}};
  chain.batch_moments.resize(layers.size());
  std::size_t next = 2;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    if (!layers.normalizes_by_batch(k)) continue;
    chain.batch_moments[k] = {results[next], results[next + 1]};
    next += 2;
  }
  return chain;
}

torch::Tensor invert_layers(const FlowLayers& layers, const torch::Tensor& y) {
  auto x = y;
  for (auto k = layers.size(); k-- > 0;) x = layers.inverse(k, x, {});
  return x;
}

}  // namespace glow::nn
