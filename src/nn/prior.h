#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <glow/nn/options.h>

#include "nn/convolution.h"
#include "ops/logit.h"

namespace glow::nn {

/// log N(eps; 0, I) = -1/2 sum eps^2 - D/2 log(2 pi), D numbers per image: [N, ...] -> [N], nats.
torch::Tensor standard_normal_log_prob(const torch::Tensor& eps);

/// A diagonal Gaussian N(mean, exp(log_sd)^2) of z [N, C, H, W]; mean and log_sd broadcast against z.
struct DiagonalGaussian {
  torch::Tensor mean;
  torch::Tensor log_sd;

  /// From [mean | log_sd] [N, 2C, H, W], halves of the channels.
  static DiagonalGaussian from_halves(const torch::Tensor& mean_and_log_sd);

  /// eps = (z - mean) / exp(log_sd), standard normal; log p(z) = log N(eps; 0, I) + log|det d eps/dz|.
  torch::Tensor whiten(const torch::Tensor& z) const;
  /// z = mean + exp(log_sd) * eps
  torch::Tensor unwhiten(const torch::Tensor& eps) const;
  /// log|det d eps/dz| = -sum log_sd, [N], for z of this shape.
  torch::Tensor log_det_of_whitening(torch::IntArrayRef z_shape) const;
};

/// A split emits half of the channels as latent; its prior is a Gaussian computed from the other half (RealNVP, section
/// 3.6; Glow's published code).
class SplitImpl : public torch::nn::Cloneable<SplitImpl> {
 public:
  /// `channels` before the split, even.
  SplitImpl(std::int64_t channels, bool edge_bias);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// z1 [N, C/2, H, W] -> [mean | log_sd] of z2.
  ZeroConv prior{nullptr};

 private:
  std::int64_t channels_;
  bool edge_bias_;
};
TORCH_MODULE(Split);

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

  /// [mean | log_sd] without the class embedding: [1, 2C, H, W] or [1, 2C, 1, 1]; zeros with `tensor_options` if
  /// nothing is learned. NICE's scaling is part of log_sd.
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
