#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/batch_norm.h>
#include <glow/nn/hidden_precision.h>
#include <glow/nn/layer_networks.h>
#include <glow/nn/options.h>
#include <glow/nn/permutation.h>
#include <glow/ops/coupling_transform.h>

namespace glow::nn {

/// How a coupling layer transforms the second half of its channels.
enum class LayerKind {
  /// NICE's: ops::couple.
  kAdditive,
  /// RealNVP's affine one: ops::couple_exponential.
  kExponential,
};

/// A coupling layer's weights ready to be applied.
struct FoldedLayer {
  /// The channels' order and the one that undoes it, int64 [C]: y_i = x_{order[i]}.
  torch::Tensor order, order_back;
  /// The batch norm before it; undefined tensors where there is none, and where the batch's own moments count.
  ChannelMoments moments;
  bool by_batch = false;
  /// Of the batch's moments.
  SumOverProcesses sum_over_processes = nullptr;
  LayerKind kind = LayerKind::kAdditive;
  FoldedNetwork network = {};
  /// Whether the network's products on CUDA may round their factors to TF32.
  bool tf32 = false;
};

/// A step of RealNVP or of NICE with a dense network: batch norm -> order of the channels -> coupling. The order brings
/// to the front what the coupling leaves as it is: a checkerboard (section 3.4) is one of the channels after a squeeze,
/// so that no mask multiplies what it covers.
class CouplingLayerImpl : public torch::nn::Cloneable<CouplingLayerImpl> {
 public:
  /// Step `step` of level `level`.
  CouplingLayerImpl(const GlowOptions& options, std::int64_t level, std::int64_t step);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source);
  /// `by_batch`: its batch norm takes the moments of the batch, of which `sum` adds up the other processes' parts.
  /// Differentiable.
  FoldedLayer fold(bool by_batch, const SumOverProcesses& sum = nullptr) const;

  /// Null in NICE.
  BatchNorm batch_norm{nullptr};
  Permutation permutation{nullptr};
  /// One of these is not null.
  ResidualNetwork residual{nullptr};
  DenseNetwork dense{nullptr};

 private:
  GlowOptions options_;
  std::int64_t level_, step_;
};
TORCH_MODULE(CouplingLayer);

/// The order of the channels in step `step` of level `level` of a RealNVP: y_i = x_{order[i]}, int64 [C]. Three steps
/// over a checkerboard of the pixels before the squeeze, whose even, odd and again even squares stay as they are, then
/// three over halves of the squeezed channels; on the last level four over the checkerboard.
torch::Tensor realnvp_order(const GlowOptions& options, std::int64_t level, std::int64_t step);

struct LayerResult {
  torch::Tensor y;
  /// log|det dy/dx|, nats [N].
  torch::Tensor log_det;
  /// The batch's, without a graph, where they counted; else undefined.
  ChannelMoments moments;
};

/// x [N, C, H, W] -> y [N, C, H, W]. Differentiable.
LayerResult apply(const FoldedLayer& layer, const torch::Tensor& x);

/// x from y. Differentiable. Throws Error when the batch's own moments are to count.
torch::Tensor apply_inverse(const FoldedLayer& layer, const torch::Tensor& y);
/// The same with the batch norm's moments as they were on the way forward.
torch::Tensor apply_inverse(const FoldedLayer& layer, const ChannelMoments& moments, const torch::Tensor& y);

/// The same layer with the network's hidden tensors in what the precision says. Differentiable.
FoldedLayer in_precision(FoldedLayer layer, HiddenPrecision precision);

}  // namespace glow::nn
