#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "nn/actnorm.h"
#include "nn/weight_source.h"

namespace glow::nn {

/// A convolution's effective weights: what is left when the actnorm, scale or edge plane around it is folded in. Every
/// convolution is a product at every pixel, a 1x1 convolution; a 3x3 one with many inputs and few outputs sums the
/// neighbourhood after its product, the others gather it before.
struct FoldedConvolution {
  /// [O, I]; [O, 9*I] of a 3x3 convolution that gathers; [9*O, I] of one that sums.
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias;
  /// Of one that sums, [9, O]: what stands for the part of a neighbour beyond the image, which the edge plane fills;
  /// zeros without one.
  torch::Tensor outside = {};
};

/// A convolution and what comes after it: (conv(x) + bias) * scale.
struct ScaledConvolution {
  /// [O, I, k, k]; I counts the edge plane.
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias, scale;
};

/// A convolution without bias, followed by an actnorm (the hidden layers of a coupling network).
class ActNormConvImpl : public torch::nn::Cloneable<ActNormConvImpl> {
 public:
  /// `inputs` counts the edge plane, where there is one.
  ActNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Draws the weights from N(0, 0.05^2).
  void draw(WeightSource& source);
  ScaledConvolution scaled() const;
  /// As one convolution, which gathers. Differentiable.
  FoldedConvolution fold() const;

  /// [O, I, kernel, kernel]
  torch::Tensor weight;
  ActNorm actnorm{nullptr};

 private:
  std::int64_t inputs_, outputs_, kernel_;
};
TORCH_MODULE(ActNormConv);

/// A 3x3 convolution that starts at zero: (conv(x) + bias) * exp(3 * log_scale) (Glow, section 3.3, "Zero
/// initialization").
class ZeroConvImpl : public torch::nn::Cloneable<ZeroConvImpl> {
 public:
  /// `inputs` does not count the edge plane.
  ZeroConvImpl(std::int64_t inputs, std::int64_t outputs, bool edge_bias);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  ScaledConvolution scaled() const;
  /// As one convolution of the inputs alone, which sums. Differentiable.
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

/// The result of a folded ZeroConv: [N, I, H, W] -> [N, O, H, W]. Differentiable.
torch::Tensor apply(const FoldedConvolution& folded, const torch::Tensor& x);

/// A linear layer that starts at zero: (weight * x + bias) * exp(3 * log_scale).
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

}  // namespace glow::nn
