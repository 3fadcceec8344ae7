#pragma once

#include <memory>
#include <vector>

#include <torch/types.h>

#include <glow/nn/batch_moments.h>
#include <glow/nn/compute.h>

namespace glow::nn {

class FlowLayer;
/// The layers of a level in the order of computation, all of one type. There is at least one.
using FlowLayers = std::vector<std::shared_ptr<const FlowLayer>>;

/// An invertible layer of a level, y = f(x; weights), for x and y [N, C, H, W] in channels_last. Immutable.
///
/// chain.h applies a list of layers and decides what is kept in memory. Glow's flow step computes its passes by hand; a
/// layer that has only `forward` and `inverse` gets its backward pass from autograd.
class FlowLayer {
 public:
  virtual ~FlowLayer() = default;

  /// Results of a forward pass that the inverse and the backward pass may need in addition to x, y and the weights.
  struct Kept {
    /// The moments by which the layer normalised its batch; undefined for other layers. Kept under every MemoryPolicy.
    ChannelMoments batch_moments;
    /// The result of `recompute`; kept under MemoryPolicy::kStore only, else empty.
    std::vector<torch::Tensor> activations;
  };
  struct Forward {
    torch::Tensor y;
    /// log|det dy/dx| [N], nats, without `log_abs_det`; undefined when it is 0.
    torch::Tensor log_det;
    Kept kept;
  };
  /// The tensors of a forward pass that its backward pass uses.
  struct Pass {
    const torch::Tensor& x;
    const torch::Tensor& y;
    const Kept& kept;
    HiddenPrecision precision;
  };
  struct Gradients {
    torch::Tensor x;
    std::vector<torch::Tensor> weights;
  };

  /// The tensors that gradients are computed for.
  virtual std::vector<torch::Tensor> weights() const = 0;
  /// The layer with other weights, in the order of weights(), and with its hidden tensors in this precision.
  virtual std::shared_ptr<const FlowLayer> with(at::TensorList weights, HiddenPrecision precision) const = 0;
  /// The layer ready for forward, inverse and recompute: its network's weights are folded and rounded to the precision.
  /// That takes as much memory as the weights themselves. Differentiable.
  virtual std::shared_ptr<const FlowLayer> prepared(HiddenPrecision precision) const = 0;
  /// The part of log|det dy/dx| that depends on the weights alone, for one pixel: a scalar, nats. Undefined: 0.
  /// Differentiable.
  virtual torch::Tensor log_abs_det() const { return {}; }

  /// Whether forward normalises by the moments of its batch, Kept::batch_moments.
  virtual bool normalizes_by_batch() const { return false; }

  /// Differentiable unless has_backward().
  virtual Forward forward(const torch::Tensor& x) const = 0;
  /// x from y. `kept`: from the forward pass, or empty. Differentiable.
  virtual torch::Tensor inverse(const torch::Tensor& y, const Kept& kept) const = 0;

  /// Whether the layer overrides `backward`.
  virtual bool has_backward() const { return false; }
  /// Computes Kept::activations from y instead of x.
  virtual std::vector<torch::Tensor> recompute(const torch::Tensor& /*y*/) const { return {}; }
  /// dL/dx and dL/dweights, from dL/dy, which may be overwritten, and dL/dlog_det [N]. Unless overridden, this records
  /// the graph of the layer again and differentiates it.
  virtual Gradients backward(const Pass& pass, torch::Tensor gradient, const torch::Tensor& log_det_gradient) const;

  // Computations for all layers of a level at once, because a small operation takes as long for one matrix as for a
  // stack of them. They are called on the first layer.

  /// Copies of the layers with the tensors that `inverse` needs in addition to the weights.
  virtual FlowLayers with_inverses(const FlowLayers& layers) const { return layers; }
  /// Copies of the layers with the tensors that `backward` and, if `inverses`, `inverse` need in addition to the
  /// weights; y: an output of one of them.
  virtual FlowLayers for_backward(const FlowLayers& layers, const torch::Tensor& y, bool inverses) const;
};

}  // namespace glow::nn
