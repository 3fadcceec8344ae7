#include <glow/nn/initialize.h>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/nn/glow.h>

#include "nn/step.h"
#include "ops/all_finite.h"

namespace glow::nn {
namespace {

/// Mean and standard deviation per channel over all chunks, in float64: mean = sum x / n, sd^2 = sum x^2 / n - mean^2.
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
    // Rounding may give a constant channel a negative variance.
    return {mean, variance.clamp_min(0.0).sqrt()};
  }

 private:
  torch::Tensor sums_;
};

/// Runs all images through the network and initialises every norm from the statistics of its input.
class Initializer final : public PartVisitor {
 public:
  Initializer(std::vector<torch::Tensor> chunks, const InitializeOptions& options)
      : chunks_(std::move(chunks)), options_(options) {}

  void start(const std::string& name, ActNormImpl& norm, const Function& input) override {
    // The input of an actnorm is computed with the actnorm as the identity.
    norm.bias.zero_();
    norm.log_scale.zero_();
    const auto floored = norm.start_from(statistics(name, input));
    if (floored > 0) report_.floored.push_back({name, floored});
  }
  void start(const std::string& name, BatchNormImpl& norm, const Function& input) override {
    const auto found = statistics(name, input);
    norm.start_from({found.mean, found.sd.square()});
  }
  void advance(const Function& next) override {
    for (auto& chunk : chunks_) chunk = next(chunk);
  }

  InitializeReport report() && { return std::move(report_); }

 private:
  /// The statistics of the input of the norm `name`.
  ChannelStatistics statistics(const std::string& name, const Function& input) {
    Moments moments;
    for (const auto& chunk : chunks_) moments.add(input(chunk));
    auto found = moments.statistics(options_);
    if (ops::all_finite(found.sd)) return found;
    throw NumericalError("initialize: the input of " + name + " is not finite");
  }

  std::vector<torch::Tensor> chunks_;
  const InitializeOptions& options_;
  InitializeReport report_;
};

}  // namespace

InitializeReport GlowImpl::initialize(const torch::Tensor& x, const InitializeOptions& options) {
  require_at_least("chunk", options.chunk, 1);
  const torch::NoGradGuard no_grad;
  Initializer initializer(checked_images(x).split(options.chunk), options);
  visit(initializer, /*labels=*/{}, /*by_batch=*/false);
  initialized_ = true;
  return std::move(initializer).report();
}

}  // namespace glow::nn
