#pragma once

#include <functional>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/compute.h>
#include <glow/ops/coupling_kind.h>

#include "nn/convolution.h"
#include "nn/weight_source.h"
#include "ops/network_shape.h"

namespace glow::nn {

struct CouplingOptions {
  /// Channels of the flow variable, even.
  std::int64_t channels = 2;
  std::int64_t hidden_width = 512;
  ops::CouplingKind kind = ops::CouplingKind::kAffine;
  bool edge_bias = true;
};

/// A coupling network with every actnorm, scale and edge plane folded into three convolutions.
struct FoldedCouplingNet {
  /// 3x3, gathers; the edge plane is among its inputs.
  FoldedConvolution first;
  /// 1x1
  FoldedConvolution second;
  /// 3x3, sums.
  FoldedConvolution third;
  /// Whether its products on CUDA may round their factors to TF32.
  bool tf32 = false;
};

/// The layers of a coupling network with their trained parameters.
struct ScaledCouplingNet {
  ScaledConvolution first, second, third;
};

/// The folded network. The hidden layers' weights and biases and the third layer's weight have the dtype of
/// `precision`. Differentiable; ops::fold_networks computes the same faster.
FoldedCouplingNet fold(const ScaledCouplingNet& net, HiddenPrecision precision = HiddenPrecision::kFull);

/// The network f of a coupling (Glow, section 3.3): conv3x3 -> actnorm -> ReLU -> conv1x1 -> actnorm -> ReLU ->
/// ZeroConv3x3.
class CouplingNetImpl : public torch::nn::Cloneable<CouplingNetImpl> {
 public:
  explicit CouplingNetImpl(const CouplingOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  ops::NetworkShape shape() const;
  ScaledCouplingNet scaled() const { return {conv1->scaled(), conv2->scaled(), conv3->scaled()}; }
  /// Differentiable.
  FoldedCouplingNet fold() const { return nn::fold(scaled()); }

  ActNormConv conv1{nullptr}, conv2{nullptr};
  ZeroConv conv3{nullptr};

 private:
  CouplingOptions options_;
};
TORCH_MODULE(CouplingNet);

/// The first hidden layer before its ReLU: x1 [N, C/2, H, W] -> [N, width, H, W].
torch::Tensor first_layer(const FoldedCouplingNet& net, const torch::Tensor& x1);
/// The second hidden layer before its ReLU, from the first's output before its ReLU.
torch::Tensor second_layer(const FoldedCouplingNet& net, const torch::Tensor& hidden);
/// The whole network: x1 [N, C/2, H, W] -> h [N, C or C/2, H, W].
torch::Tensor apply(const FoldedCouplingNet& net, const torch::Tensor& x1);

/// The coupling of a flow step. It only owns the network; FlowStepLayers calls ops::couple_ and ops::uncouple_.
class CouplingImpl : public torch::nn::Cloneable<CouplingImpl> {
 public:
  explicit CouplingImpl(const CouplingOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  ops::CouplingKind kind() const { return options_.kind; }

  CouplingNet net{nullptr};

 private:
  CouplingOptions options_;
};
TORCH_MODULE(Coupling);

/// A coupling network as a function of its input x1 [N, I, H, W] and its weights; returns h [N, O, H, W]. A matrix
/// product has the dtype of its weight; sums and h have the dtype of x1.
using NetworkFunction = std::function<torch::Tensor(const torch::Tensor& x1, at::TensorList weights)>;

/// A network function and its weights. Differentiable with respect to x1 and the weights.
struct FoldedNetwork {
  NetworkFunction function;
  std::vector<torch::Tensor> weights;
  /// The first `hidden` weights belong to products whose results are hidden tensors.
  std::size_t hidden = 0;
};

/// A zero-padded convolution with weight norm; for every filter, weight = weight_g * weight_v / |weight_v| (Salimans &
/// Kingma 2016, arXiv 1602.07868).
class WeightNormConvImpl : public torch::nn::Cloneable<WeightNormConvImpl> {
 public:
  WeightNormConvImpl(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Draws random directions and sets the norm of every filter to `length`.
  void draw(WeightSource& source, double length);
  /// The layer as a convolution that gathers (convolution.h). Differentiable.
  FoldedConvolution fold() const;

  /// [O, I, kernel, kernel]
  torch::Tensor weight_v;
  /// [O]
  torch::Tensor weight_g, bias;

 private:
  std::int64_t inputs_, outputs_, kernel_;
};
TORCH_MODULE(WeightNormConv);

/// The network of RealNVP's couplings (section 4.1), without batch norms of its own, with `blocks` residual blocks and
/// zero initial output:
///
///     h = conv3x3(x1),   h += conv3x3(relu(conv3x3(relu(h)))) for every block,   [shift | r] = conv1x1(relu(h)),
///     log_scale = bound * tanh(r)
class ResidualNetworkImpl : public torch::nn::Cloneable<ResidualNetworkImpl> {
 public:
  /// x1, shift and log_scale have `channels` channels each.
  ResidualNetworkImpl(std::int64_t channels, std::int64_t hidden_width, std::int64_t blocks);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  FoldedNetwork fold() const;

  WeightNormConv input{nullptr}, output{nullptr};
  /// conv1 and conv2 of every block, in order.
  torch::nn::ModuleList convolutions{nullptr};
  /// [channels]: the bound of |log_scale|.
  torch::Tensor bound;

 private:
  std::int64_t channels_, hidden_width_, blocks_;
};
TORCH_MODULE(ResidualNetwork);

/// A linear layer with zero initialisation: [N, I] -> [N, O].
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
/// flattened x1. The last layer is initialised with zeros.
class DenseNetworkImpl : public torch::nn::Cloneable<DenseNetworkImpl> {
 public:
  /// `numbers`: elements of x1 per image, and of h.
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
