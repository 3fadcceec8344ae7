#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>

#include "nn/convolution.h"
#include "nn/prior.h"
#include "ops/logit.h"

namespace glow::nn {

/// The learned Gaussian of the top latent. The reference computes it by a ZeroConv of an input of zeros, so that only
/// the bias, the scale and the edge plane's weights act.
class TopPriorImpl : public torch::nn::Cloneable<TopPriorImpl> {
 public:
  TopPriorImpl(std::int64_t channels, bool edge_bias);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// [1, 2C, H, W] or [1, 2C, 1, 1]: mean, then log_sd.
  torch::Tensor mean_and_log_sd(std::int64_t height, std::int64_t width) const;

  /// [2C]
  torch::Tensor bias, log_scale;
  /// [2C, 1, 3, 3]; undefined without edge bias.
  torch::Tensor edge_weight;

 private:
  std::int64_t channels_;
  bool edge_bias_;
};
TORCH_MODULE(TopPrior);

/// The learned scale of every number at the end of a NICE (section 3.3): y = exp(3 * log_scale) * z.
class DiagonalScalingImpl : public torch::nn::Cloneable<DiagonalScalingImpl> {
 public:
  explicit DiagonalScalingImpl(const LevelShape& shape);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// [C, H, W]
  torch::Tensor log_scale;

 private:
  LevelShape shape_;
};
TORCH_MODULE(DiagonalScaling);

/// The end of the flow: the prior of the top latent, moved by the class of a conditional model, and the auxiliary
/// classifier.
class TopImpl : public torch::nn::Cloneable<TopImpl> {
 public:
  explicit TopImpl(const GlowOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Mean and log_sd before any class moves them: [1, 2C, H, W] or [1, 2C, 1, 1]; zeros of these options where nothing
  /// is learned. NICE's scaling is a log_sd.
  torch::Tensor fold(const torch::TensorOptions& tensor_options) const;
  /// The top latent z [N, C, H, W] as eps, standard normal under the model, and log|det d eps/dz|. `folded` as fold
  /// gives it; `labels` int64 [N] for a conditional model, undefined otherwise. Differentiable.
  ops::Transformed whiten(const torch::Tensor& folded, const torch::Tensor& labels, const torch::Tensor& z) const;
  /// The inverse of whiten. Differentiable.
  torch::Tensor unwhiten(const torch::Tensor& folded, const torch::Tensor& labels, const torch::Tensor& eps) const;
  /// z [N, C, H, W] -> class logits [N, num_classes], from its mean over space. Only for a conditional model.
  torch::Tensor class_logits(const torch::Tensor& z) const;

  /// Null without learn_top.
  TopPrior prior{nullptr};
  /// Null but in NICE.
  DiagonalScaling scaling{nullptr};
  /// Null without classes.
  ZeroLinear class_embedding{nullptr}, classifier{nullptr};

 private:
  /// Of the top latent; with a logistic prior its mean and scale.
  DiagonalGaussian gaussian(const torch::Tensor& folded, const torch::Tensor& labels) const;

  GlowOptions options_;
};
TORCH_MODULE(Top);

}  // namespace glow::nn
