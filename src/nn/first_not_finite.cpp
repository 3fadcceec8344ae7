#include <optional>
#include <string>

#include <ATen/ATen.h>

#include <glow/nn/glow.h>
#include <glow/ops/gaussian.h>
#include <glow/ops/squeeze.h>

#include "nn/fold_steps.h"

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
  first.look(name + ".actnorm", ops::apply(step.actnorm->channel_map(), x));
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

/// What leaves the flow as latent, and its density.
void look_at_latent(const std::string& name, const DiagonalGaussian& gaussian, const torch::Tensor& z,
                    FirstNotFinite& first) {
  first.look(name, ops::standard_normal_log_prob(gaussian.whiten(z)));
  first.look(name, gaussian.log_det_of_whitening(z.sizes()));
}

}  // namespace

std::optional<std::string> GlowImpl::first_not_finite(const torch::Tensor& x, const torch::Tensor& labels) const {
  const torch::NoGradGuard no_grad;
  FirstNotFinite first;
  auto z = to_model(x);
  first.look("the images", z);
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    const auto name = "levels." + std::to_string(l);
    z = ops::squeeze(z);
    for (std::int64_t k = 0; k < options_.depth; ++k) {
      z = walk(level(l).step(k), name + ".steps." + std::to_string(k), z, first);
    }
    if (!level(l).split) continue;
    const auto halves = z.chunk(2, 1);
    const auto prior = nn::apply(level(l).split->prior->fold(), halves[0]);
    look_at_latent(name + ".split.prior", DiagonalGaussian::from_halves(prior), halves[1], first);
    z = halves[0];
  }
  const auto top = top_->gaussian(top_->fold(flat_.values().options()), checked_labels(labels, z.size(0)));
  look_at_latent("top", top, z, first);
  if (options_.num_classes > 0) first.look("top.classifier", top_->class_logits(z));
  return first.found();
}

}  // namespace glow::nn
