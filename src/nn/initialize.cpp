#include <glow/nn/initialize.h>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/nn/glow.h>
#include <glow/ops/squeeze.h>

#include "nn/fold_steps.h"
#include "nn/preprocessing.h"

namespace glow::nn {
namespace {

/// Mean and deviation per channel of data that come in chunks.
class Moments {
 public:
  /// x [N, C, H, W]
  void add(const torch::Tensor& x) {
    const auto values = x.to(torch::kDouble);
    const auto count = torch::full({1}, static_cast<double>(x.size(0) * x.size(2) * x.size(3)), values.options());
    const auto sums = at::cat({count, values.sum({0, 2, 3}), values.square().sum({0, 2, 3})});
    sums_ = sums_.defined() ? sums_ + sums : sums;
  }

  ChannelStatistics statistics(const InitializeOptions& options) {
    if (options.sum_over_processes) options.sum_over_processes(sums_);
    const auto channels = (sums_.size(0) - 1) / 2;
    const auto count = sums_[0];
    const auto mean = sums_.narrow(0, 1, channels) / count;
    const auto variance = sums_.narrow(0, 1 + channels, channels) / count - mean.square();
    return {mean, variance.clamp_min(0.0).sqrt()};
  }

 private:
  torch::Tensor sums_;
};

/// Carries all images through the network, one layer after the other.
class Initializer {
 public:
  Initializer(std::vector<torch::Tensor> chunks, const InitializeOptions& options)
      : chunks_(std::move(chunks)), options_(options) {}

  template <class Layer>
  void transform(Layer&& layer) {
    for (auto& chunk : chunks_) chunk = layer(chunk);
  }

  void step(FlowStepImpl& step, const std::string& name) {
    const auto net_input = [](const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); };
    auto& net = *step.coupling->net;
    if (step.actnorm) start(*step.actnorm, name + ".actnorm", [](const torch::Tensor& z) { return z; });
    transform([map = fold_steps({&step}).front().map](const torch::Tensor& z) { return ops::apply(map, z); });
    start(*net.conv1->actnorm, name + ".coupling.net.conv1.actnorm",
          [&](const torch::Tensor& z) { return first_layer(net.fold(), net_input(z)); });
    start(*net.conv2->actnorm, name + ".coupling.net.conv2.actnorm", [&](const torch::Tensor& z) {
      const auto folded = net.fold();
      return second_layer(folded, first_layer(folded, net_input(z)));
    });
    transform([&, folded = net.fold()](const torch::Tensor& z) {
      return ops::couple(step.coupling->kind(), z, apply(folded, net_input(z))).y;
    });
  }

  void step(CouplingLayerImpl& layer, const std::string& name) {
    if (layer.batch_norm) {
      const auto found = statistics(name + ".batch_norm", [](const torch::Tensor& z) { return z; });
      layer.batch_norm->start_from({found.mean, found.sd.square()});
    }
    transform([folded = layer.fold(/*by_batch=*/false)](const torch::Tensor& z) { return apply(folded, z).y; });
  }

  InitializeReport report() && { return std::move(report_); }

 private:
  /// Starts an actnorm from what `output` gives while the actnorm is the identity.
  template <class Output>
  void start(ActNormImpl& actnorm, const std::string& name, Output&& output) {
    actnorm.bias.zero_();
    actnorm.log_scale.zero_();
    const auto floored = actnorm.start_from(statistics(name, output));
    if (floored > 0) report_.floored.push_back({name, floored});
  }

  /// Of what `output` gives for all images: the input of the layer `name`.
  template <class Output>
  ChannelStatistics statistics(const std::string& name, Output&& output) {
    Moments moments;
    for (const auto& chunk : chunks_) moments.add(output(chunk));
    auto found = moments.statistics(options_);
    if (found.sd.isfinite().all().item<bool>()) return found;
    throw NumericalError("initialize: the input of " + name + " is not finite");
  }

  std::vector<torch::Tensor> chunks_;
  const InitializeOptions& options_;
  InitializeReport report_;
};

}  // namespace

InitializeReport GlowImpl::initialize(const torch::Tensor& x, const InitializeOptions& options) {
  if (options.chunk < 1) throw ConfigError("chunk: expected at least 1, got " + std::to_string(options.chunk));
  const torch::NoGradGuard no_grad;
  Initializer initializer(to_model(x).split(options.chunk), options);
  initializer.transform([&](const torch::Tensor& images) { return preprocess(options_.family, images).y; });
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    initializer.transform(ops::squeeze);
    level(l).for_each_step([&](auto& step, std::size_t k) {
      initializer.step(step, "levels." + std::to_string(l) + ".steps." + std::to_string(k));
    });
    // What leaves at a split does not take part in what follows.
    if (level(l).splits()) {
      initializer.transform([](const torch::Tensor& z) { return z.narrow(1, 0, z.size(1) / 2); });
    }
  }
  initialized_ = true;
  return std::move(initializer).report();
}

}  // namespace glow::nn
