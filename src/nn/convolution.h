#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "nn/actnorm.h"
#include "nn/weight_source.h"

namespace glow::nn {

/// The effective weights of a convolution after folding in its actnorm, scale or edge plane (ops/patches.h). Every
/// convolution is computed as a matrix product at every pixel. A 3x3 convolution with many inputs and few outputs sums
/// over the 3x3 neighbourhood after the product (it "sums"); every other one gathers the neighbourhood before the
/// product (it "gathers").
struct FoldedConvolution {
  /// [O, I] for 1x1; [O, 9*I] for 3x3 if it gathers; [9*O, I] if it sums.
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias;
  /// [9, O], only if it sums: the term that is added for a tap outside the image: the edge plane's weight, or 0 without
  /// an edge plane.
  torch::Tensor outside = {};
};

/// A convolution with bias and output scale: (conv(x) + bias) * scale.
struct ScaledConvolution {
  /// [O, I, k, k]; I includes the edge plane, if there is one.
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias, scale;
};

/// A convolution without bias, followed by an actnorm (the hidden layers of a coupling network).
class ActNormConvImpl : public torch::nn::Cloneable<ActNormConvImpl> {
 public:
  /// `inputs` includes the edge plane, if there is one.
  ActNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Draws the weights from N(0, 0.05^2).
  void draw(WeightSource& source);
  ScaledConvolution scaled() const;

  /// [O, I, kernel, kernel]
  torch::Tensor weight;
  ActNorm actnorm{nullptr};

 private:
  std::int64_t inputs_, outputs_, kernel_;
};
TORCH_MODULE(ActNormConv);

/// A 3x3 convolution with zero initialisation: (conv(x) + bias) * exp(3 * log_scale) (Glow, section 3.3, "Zero
/// initialization").
class ZeroConvImpl : public torch::nn::Cloneable<ZeroConvImpl> {
 public:
  /// `inputs` does not include the edge plane.
  ZeroConvImpl(std::int64_t inputs, std::int64_t outputs, bool edge_bias);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  ScaledConvolution scaled() const;
  /// The layer as one convolution of the inputs, without the edge plane, that sums. Differentiable.
  FoldedConvolution fold() const;

  /// [O, I + edge, 3, 3]
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias, log_scale;

 private:
  std::int64_t inputs_, outputs_;
  bool edge_bias_;
};
TORCH_MODULE(ZeroConv);

/// Applies a folded ZeroConv: [N, I, H, W] -> [N, O, H, W]. Differentiable.
torch::Tensor apply(const FoldedConvolution& folded, const torch::Tensor& x);

/// A linear layer with zero initialisation: (weight * x + bias) * exp(3 * log_scale).
class ZeroLinearImpl : public torch::nn::Cloneable<ZeroLinearImpl> {
 public:
  ZeroLinearImpl(std::int64_t inputs, std::int64_t outputs);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// [N, I] -> [N, O]
  torch::Tensor forward(const torch::Tensor& x) const;

  /// [O, I]
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias, log_scale;

 private:
  std::int64_t inputs_, outputs_;
};
TORCH_MODULE(ZeroLinear);

/// Folds the scale into a convolution that gathers. Differentiable.
FoldedConvolution fold_gathering(const ScaledConvolution& convolution);

/// Folds the scale into a convolution that sums. A plane of the weight beyond `inputs` is the edge plane's.
/// Differentiable.
FoldedConvolution fold_summing(const ScaledConvolution& convolution, std::int64_t inputs);

}  // namespace glow::nn
