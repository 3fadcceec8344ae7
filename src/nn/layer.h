#pragma once

#include <memory>
#include <vector>

#include <torch/types.h>

#include <glow/nn/batch_moments.h>
#include <glow/nn/compute.h>

namespace glow::nn {

/// The invertible layers of a level in the order of computation, y = f(x; weights) each, for x and y [N, C, H, W] in
/// channels_last. Immutable. One object for all of them, because a small operation takes as long for one layer as for
/// all.
///
/// chain.h applies the layers and decides what is kept in memory. Glow's flow steps compute their passes by hand;
/// layers that have only `forward` and `inverse` get their backward pass from autograd.
class FlowLayers {
 public:
  virtual ~FlowLayers() = default;

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

  /// At least 1.
  virtual std::size_t size() const = 0;

  /// The tensors of all layers that gradients are computed for.
  virtual std::vector<torch::Tensor> weights() const = 0;
  /// The layers with other weights, in the order of weights().
  virtual std::shared_ptr<const FlowLayers> with(at::TensorList weights) const = 0;
  /// The layers with `count` of them, from `first` on, ready for forward, inverse and recompute: their networks'
  /// weights are folded and rounded to the precision, which takes as much memory as the weights themselves.
  /// Differentiable.
  virtual std::shared_ptr<const FlowLayers> prepared(HiddenPrecision precision, std::size_t first,
                                                     std::size_t count) const = 0;
  /// The layers with all of them prepared.
  std::shared_ptr<const FlowLayers> prepared(HiddenPrecision precision) const { return prepared(precision, 0, size()); }
  /// The layers with the tensors that `inverse` needs in addition.
  virtual std::shared_ptr<const FlowLayers> with_inverses() const = 0;
  /// The part of log|det dy/dx| of all layers that depends on the weights alone, for one pixel: a scalar, nats.
  /// Undefined: 0. Differentiable.
  virtual torch::Tensor log_abs_det() const { return {}; }

  // Passes of layer k. It is prepared, but for `backward`.

  /// Whether forward normalises by the moments of its batch, Kept::batch_moments.
  virtual bool normalizes_by_batch(std::size_t /*k*/) const { return false; }
  /// Differentiable unless has_backward(). `keep`: whether Kept::activations is returned.
  virtual Forward forward(std::size_t k, const torch::Tensor& x, bool keep) const = 0;
  /// x from y. `kept`: from the forward pass, or empty. Differentiable.
  virtual torch::Tensor inverse(std::size_t k, const torch::Tensor& y, const Kept& kept) const = 0;

  /// Whether `backward` is computed by hand, without a graph of `forward`.
  virtual bool has_backward() const { return false; }
  /// Computes Kept::activations from y instead of x.
  virtual std::vector<torch::Tensor> recompute(std::size_t /*k*/, const torch::Tensor& /*y*/) const { return {}; }
  /// The layers with the tensors that `backward` and, if `inverses`, `inverse` need in addition; y: an output of one of
  /// them.
  virtual std::shared_ptr<const FlowLayers> for_backward(const torch::Tensor& y, bool inverses) const = 0;
  /// Tensors for `backward`, in the order of weights().
  virtual std::vector<torch::Tensor> new_gradients() const = 0;
  /// dL/dx of layer k, from dL/dy, which may be overwritten, and dL/dlog_det [N]. Sets the layer's part of `gradients`,
  /// dL/dweights. The layers are for_backward; no layer needs to be prepared.
  virtual torch::Tensor backward(std::size_t k, const Pass& pass, torch::Tensor gradient,
                                 const torch::Tensor& log_det_gradient,
                                 std::vector<torch::Tensor>& gradients) const = 0;
};

}  // namespace glow::nn
