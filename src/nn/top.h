#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>

#include "nn/convolution.h"
#include "nn/prior.h"
#include "ops/logit.h"

namespace glow::nn {

/// The learned Gaussian prior of the top latent. Glow's published code computes it as a ZeroConv of zeros, so that only
/// the bias, the scale and the edge plane's weights have an effect:
///
///     [mean | log_sd] = (bias + edge_bias(edge_weight)) * exp(3 * log_scale)
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

/// The learned scale of every dimension of NICE's output (section 3.3): y = exp(3 * log_scale) * z.
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

/// The end of the flow: the prior of the top latent, shifted by a class embedding in a conditional model, and the
/// auxiliary classifier.
class TopImpl : public torch::nn::Cloneable<TopImpl> {
 public:
  explicit TopImpl(const GlowOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// [mean | log_sd] without the class embedding: [1, 2C, H, W] or [1, 2C, 1, 1]; zeros with these options if nothing
  /// is learned. NICE's scaling is part of log_sd.
  torch::Tensor fold(const torch::TensorOptions& tensor_options) const;
  /// Transforms the top latent z [N, C, H, W] to eps, standard normal under the model, and log|det d eps/dz| [N].
  /// `folded`: the result of fold; `labels`: int64 [N] for a conditional model, else undefined. Differentiable.
  ops::Transformed whiten(const torch::Tensor& folded, const torch::Tensor& labels, const torch::Tensor& z) const;
  /// The inverse of whiten. Differentiable.
  torch::Tensor unwhiten(const torch::Tensor& folded, const torch::Tensor& labels, const torch::Tensor& eps) const;
  /// z [N, C, H, W] -> class logits [N, num_classes], from z's mean over the pixels. Only for a conditional model.
  torch::Tensor class_logits(const torch::Tensor& z) const;

  /// Null without learn_top.
  TopPrior prior{nullptr};
  /// Null except in NICE.
  DiagonalScaling scaling{nullptr};
  /// Null without classes.
  ZeroLinear class_embedding{nullptr}, classifier{nullptr};

 private:
  /// The prior of the top latent. For a logistic prior, mean and exp(log_sd) are its location and scale.
  DiagonalGaussian gaussian(const torch::Tensor& folded, const torch::Tensor& labels) const;

  GlowOptions options_;
};
TORCH_MODULE(Top);

}  // namespace glow::nn
