#pragma once

#include <functional>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "nn/convolution.h"
#include "nn/weight_source.h"

namespace glow::nn {

/// A coupling network as a function of its input x1 [N, I, H, W] and its weights, to h [N, O, H, W]. A product is taken
/// in its weight's dtype; sums, h and all that follows are in the dtype of x1.
using NetworkFunction = std::function<torch::Tensor(const torch::Tensor& x1, at::TensorList weights)>;

/// A function and the weights to call it with. Differentiable in both.
struct FoldedNetwork {
  NetworkFunction function;
  std::vector<torch::Tensor> weights;
  /// How many of them, from the first, are of products that lead to a hidden tensor.
  std::size_t hidden = 0;
};

/// A convolution, zero-padded, whose filters have a length of their own: weight = weight_g * weight_v / |weight_v|
/// (Salimans & Kingma 2016, arXiv 1602.07868).
class WeightNormConvImpl : public torch::nn::Cloneable<WeightNormConvImpl> {
 public:
  WeightNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Directions at random, every filter of this length.
  void draw(WeightSource& source, double length);
  /// As a product at every pixel that gathers (convolution.h). Differentiable.
  FoldedConvolution fold() const;

  /// [O, I, kernel, kernel]
  torch::Tensor weight_v;
  /// [O]
  torch::Tensor weight_g, bias;

 private:
  std::int64_t inputs_, outputs_, kernel_;
};
TORCH_MODULE(WeightNormConv);

/// The network of RealNVP's couplings (section 4.1), without batch norms of its own: conv3x3, residual blocks
/// h + conv3x3(ReLU(conv3x3(ReLU(h)))), ReLU, conv1x1 to [shift | r], and log_scale = bound * tanh(r). It starts at
/// zero.
class ResidualNetworkImpl : public torch::nn::Cloneable<ResidualNetworkImpl> {
 public:
  /// x1 has `channels` channels, and so have shift and log_scale.
  ResidualNetworkImpl(std::int64_t channels, std::int64_t hidden_width, std::int64_t blocks);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  FoldedNetwork fold() const;

  WeightNormConv input{nullptr}, output{nullptr};
  /// conv1 and conv2 of every block, one after the other.
  torch::nn::ModuleList convolutions{nullptr};
  /// [channels]: how far from 0 log_scale may go.
  torch::Tensor bound;

 private:
  std::int64_t channels_, hidden_width_, blocks_;
};
TORCH_MODULE(ResidualNetwork);

/// A linear layer that starts at zero: [N, I] -> [N, O].
class DenseLayerImpl : public torch::nn::Cloneable<DenseLayerImpl> {
 public:
  DenseLayerImpl(std::int64_t inputs, std::int64_t outputs);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// [O, I]
  torch::Tensor weight;
  /// [O]
  torch::Tensor bias;

 private:
  std::int64_t inputs_, outputs_;
};
TORCH_MODULE(DenseLayer);

/// The fully connected network of NICE's couplings (section 5.1): linear layers with ReLUs between them, on the
/// flattened x1. The last one starts at zero.
class DenseNetworkImpl : public torch::nn::Cloneable<DenseNetworkImpl> {
 public:
  /// `numbers` of x1 and of h, each flattened.
  DenseNetworkImpl(std::int64_t numbers, std::int64_t hidden_width, std::int64_t hidden_layers);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  FoldedNetwork fold() const;

  torch::nn::ModuleList layers{nullptr};

 private:
  std::int64_t numbers_, hidden_width_, hidden_layers_;
};
TORCH_MODULE(DenseNetwork);

}  // namespace glow::nn
