#include <optional>
#include <string>

#include <ATen/ATen.h>

#include <glow/nn/glow.h>
#include <glow/ops/gaussian.h>
#include <glow/ops/squeeze.h>

#include "nn/fold_steps.h"
#include "nn/preprocessing.h"

namespace glow::nn {
namespace {

/// Looks at tensors in the order of computation.
class FirstNotFinite {
 public:
  void look(const std::string& name, const torch::Tensor& output) {
    if (!found_ && !output.isfinite().all().item<bool>()) found_ = name;
  }
  const std::optional<std::string>& found() const { return found_; }

 private:
  std::optional<std::string> found_;
};

/// Looks at what a flow step computes, layer by layer; returns its output.
torch::Tensor walk(const FlowStepImpl& step, const std::string& name, const torch::Tensor& x, FirstNotFinite& first) {
  if (step.actnorm) first.look(name + ".actnorm", ops::apply(step.actnorm->channel_map(), x));
  const auto map = fold_steps({&step}).front().map;
  const auto z = ops::apply(map, x);
  first.look(name + ".permutation", map.log_abs_det);
  first.look(name + ".permutation", z);
  const auto net = step.coupling->net->fold();
  const auto z1 = z.narrow(1, 0, z.size(1) / 2);
  const auto hidden1 = first_layer(net, z1);
  first.look(name + ".coupling.net.conv1", hidden1);
  first.look(name + ".coupling.net.conv2", second_layer(net, hidden1));
  const auto h = apply(net, z1);
  first.look(name + ".coupling.net.conv3", h);
  const auto coupled = ops::couple(step.coupling->kind(), z, h);
  first.look(name + ".coupling", coupled.y);
  if (coupled.log_det.defined()) first.look(name + ".coupling", coupled.log_det);
  return coupled.y;
}

torch::Tensor walk(const CouplingLayerImpl& layer, const std::string& name, const torch::Tensor& x,
                   FirstNotFinite& first) {
  const auto folded = layer.fold(layer.is_training());
  if (layer.batch_norm) {
    const auto moments = folded.by_batch ? channel_moments(x) : folded.moments;
    first.look(name + ".batch_norm", normalizing_log_det(moments));
    first.look(name + ".batch_norm", normalize(moments, x));
  }
  const auto coupled = apply(folded, x);
  first.look(name + ".network", coupled.y);
  first.look(name + ".network", coupled.log_det);
  return coupled.y;
}

/// What leaves the flow as latent, and its density.
void look_at_latent(const std::string& name, const ops::Transformed& eps, FirstNotFinite& first) {
  first.look(name, ops::standard_normal_log_prob(eps.y));
  first.look(name, eps.log_det);
}

}  // namespace

std::optional<std::string> GlowImpl::first_not_finite(const torch::Tensor& x, const torch::Tensor& labels) const {
  const torch::NoGradGuard no_grad;
  FirstNotFinite first;
  first.look("the images", to_model(x));
  auto [z, log_det] = preprocess(options_.family, to_model(x));
  first.look("the preprocessing", z);
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    const auto name = "levels." + std::to_string(l);
    z = ops::squeeze(z);
    level(l).for_each_step(
        [&](const auto& step, std::size_t k) { z = walk(step, name + ".steps." + std::to_string(k), z, first); });
    if (!level(l).splits()) continue;
    const auto halves = z.chunk(2, 1);
    const auto gaussian = split_gaussian(level(l).fold(), halves[0]);
    look_at_latent(name + ".split.prior",
                   {gaussian.whiten(halves[1]), gaussian.log_det_of_whitening(halves[1].sizes())}, first);
    z = halves[0];
  }
  look_at_latent("top", top_->whiten(top_->fold(tensor_options()), checked_labels(labels, z.size(0)), z), first);
  if (options_.num_classes > 0) first.look("top.classifier", top_->class_logits(z));
  return first.found();
}

}  // namespace glow::nn
