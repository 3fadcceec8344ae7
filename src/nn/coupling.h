#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/compute.h>
#include <glow/ops/coupling_kind.h>

#include "nn/convolution.h"

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
/// `precision`. Differentiable.
FoldedCouplingNet fold(const ScaledCouplingNet& net, HiddenPrecision precision = HiddenPrecision::kFull);
/// The gradient with respect to net, from that with respect to fold(net), which may be overwritten. Records no graph.
ScaledCouplingNet fold_backward(const ScaledCouplingNet& net, FoldedCouplingNet gradient);

/// The network f of a coupling (Glow, section 3.3): conv3x3 -> actnorm -> ReLU -> conv1x1 -> actnorm -> ReLU ->
/// ZeroConv3x3.
class CouplingNetImpl : public torch::nn::Cloneable<CouplingNetImpl> {
 public:
  explicit CouplingNetImpl(const CouplingOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
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

/// The coupling of a flow step. It only owns the network; FlowStepLayer calls ops::couple_ and ops::uncouple_.
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

}  // namespace glow::nn
