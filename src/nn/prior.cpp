#include "nn/prior.h"

#include <cmath>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>

#include "nn/family.h"
#include "ops/patches.h"

namespace glow::nn {

DiagonalGaussian DiagonalGaussian::from_halves(const torch::Tensor& mean_and_log_sd) {
  const auto halves = mean_and_log_sd.chunk(2, 1);
  return {halves[0], halves[1]};
}

torch::Tensor DiagonalGaussian::whiten(const torch::Tensor& z) const { return (z - mean) * log_sd.neg().exp(); }

torch::Tensor DiagonalGaussian::unwhiten(const torch::Tensor& eps) const { return mean + eps * log_sd.exp(); }

torch::Tensor DiagonalGaussian::log_det_of_whitening(torch::IntArrayRef z_shape) const {
  // A broadcast element of log_sd counts once for every element of z.
  return log_sd.expand(z_shape).sum({1, 2, 3}).neg();
}

SplitImpl::SplitImpl(std::int64_t channels, bool edge_bias) : channels_(channels), edge_bias_(edge_bias) { reset(); }

void SplitImpl::reset() { prior = register_module("prior", ZeroConv(channels_ / 2, channels_, edge_bias_)); }

void SplitImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Split(" << channels_ << ")"; }

TopPriorImpl::TopPriorImpl(std::int64_t channels, bool edge_bias) : channels_(channels), edge_bias_(edge_bias) {
  reset();
}

void TopPriorImpl::reset() {
  bias = register_parameter("bias", torch::zeros(2 * channels_));
  log_scale = register_parameter("log_scale", torch::zeros(2 * channels_));
  if (edge_bias_) edge_weight = register_parameter("edge_weight", torch::zeros({2 * channels_, 1, 3, 3}));
}

void TopPriorImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::TopPrior(" << channels_ << ")"; }

torch::Tensor TopPriorImpl::mean_and_log_sd(std::int64_t height, std::int64_t width) const {
  auto before_scale = bias.view({1, -1, 1, 1});
  if (edge_bias_) before_scale = before_scale + ops::edge_bias(edge_weight, height, width);
  return before_scale * scale_of(log_scale).view({1, -1, 1, 1});
}

DiagonalScalingImpl::DiagonalScalingImpl(const LevelShape& shape) : shape_(shape) { reset(); }

void DiagonalScalingImpl::reset() {
  log_scale = register_parameter("log_scale", torch::zeros({shape_.channels, shape_.height, shape_.width}));
}

void DiagonalScalingImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::DiagonalScaling(" << shape_.channels << ", " << shape_.height << ", " << shape_.width << ")";
}

TopImpl::TopImpl(const GlowOptions& options) : options_(options) { reset(); }

void TopImpl::reset() {
  const auto shape = latent_shape(options_, options_.levels - 1);
  const auto channels = shape.channels;
  if (family_spec(options_.family).scales_top) scaling = register_module("scaling", DiagonalScaling(shape));
  if (options_.learn_top) prior = register_module("prior", TopPrior(channels, options_.edge_bias));
  if (options_.num_classes > 0) {
    class_embedding = register_module("class_embedding", ZeroLinear(options_.num_classes, 2 * channels));
    classifier = register_module("classifier", ZeroLinear(channels, options_.num_classes));
  }
}

void TopImpl::pretty_print(std::ostream& stream) const {
  const auto* prior_text = options_.learn_top ? "learned" : scaling ? "scaled" : "standard";
  stream << "glow::nn::Top(" << prior_text << ", " << to_string(options_.prior);
  if (options_.num_classes > 0) stream << ", " << options_.num_classes << " classes";
  stream << ")";
}

torch::Tensor TopImpl::fold(const torch::TensorOptions& tensor_options) const {
  const auto shape = latent_shape(options_, options_.levels - 1);
  if (prior) return prior->mean_and_log_sd(shape.height, shape.width);
  if (scaling) {
    // eps = exp(3 log_scale) * z = (z - mean) / exp(log_sd) with mean = 0 and log_sd = -3 log_scale.
    const auto log_sd = (scaling->log_scale * -kLogScaleFactor).unsqueeze(0);
    return at::cat({torch::zeros_like(log_sd.detach()), log_sd}, 1);
  }
  return torch::zeros({1, 2 * shape.channels, 1, 1}, tensor_options);
}

namespace {

/// [N, classes]: 1 at the label [N] of the row, else 0; NaN in the row of a label out of range, which LibTorch's one_hot
/// does not find on a GPU.
torch::Tensor one_hot(const torch::Tensor& labels, std::int64_t classes, const torch::TensorOptions& options) {
  const auto rows = labels.unsqueeze(1).eq(at::arange(classes, labels.options())).to(options);
  const auto is_wrong = labels.lt(0).logical_or(labels.ge(classes));
  return rows.masked_fill(is_wrong.unsqueeze(1), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

DiagonalGaussian TopImpl::gaussian(const torch::Tensor& folded, const torch::Tensor& labels) const {
  if (!class_embedding) return DiagonalGaussian::from_halves(folded);
  const auto of_class = class_embedding->forward(one_hot(labels, options_.num_classes, folded.options()));
  return DiagonalGaussian::from_halves(folded + of_class.unsqueeze(-1).unsqueeze(-1));
}

ops::Transformed TopImpl::whiten(const torch::Tensor& folded, const torch::Tensor& labels,
                                 const torch::Tensor& z) const {
  const auto base = gaussian(folded, labels);
  const auto eps = base.whiten(z);
  const auto log_det = base.log_det_of_whitening(z.sizes());
  if (options_.prior == PriorKind::kGaussian) return {eps, log_det};
  // z -> eps (standard logistic) -> normal: the log-determinants add up.
  const auto [normal, of_normal] = ops::logistic_to_normal(eps);
  return {normal, log_det + of_normal};
}

torch::Tensor TopImpl::unwhiten(const torch::Tensor& folded, const torch::Tensor& labels,
                                const torch::Tensor& eps) const {
  const auto base = gaussian(folded, labels);
  return base.unwhiten(options_.prior == PriorKind::kGaussian ? eps : ops::normal_to_logistic(eps));
}

torch::Tensor TopImpl::class_logits(const torch::Tensor& z) const { return classifier->forward(z.mean({2, 3})); }

torch::Tensor standard_normal_log_prob(const torch::Tensor& eps) {
  const auto flat = eps.flatten(1);
  const double constant = 0.5 * std::log(2.0 * std::numbers::pi) * static_cast<double>(flat.size(1));
  return flat.square().sum(1).mul(-0.5).sub(constant);
}

}  // namespace glow::nn
