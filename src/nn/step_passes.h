#pragma once

#include <torch/types.h>

#include <glow/nn/flow_step.h>

namespace glow::nn {

// A flow step's passes by hand, which autograd does not see: forward, backward and inverse.

/// What the coupling network computes on the way, all channels_last.
struct NetActivations {
  /// After their ReLUs, [N, width, H, W].
  torch::Tensor hidden1, hidden2;
  /// [N, C or C/2, H, W]
  torch::Tensor h;
};

/// The network on the first half of z's channels, which a step leaves as they are: z may be from before its coupling or
/// from behind it.
NetActivations run_net(const FoldedCouplingNet& net, const torch::Tensor& z);

struct StepForward {
  torch::Tensor y;
  /// Of the coupling alone, [N]; undefined when it is 0.
  torch::Tensor log_det;
  NetActivations activations;
};
/// x [N, C, H, W], channels_last.
StepForward step_forward(const FoldedStep& step, const torch::Tensor& x);

/// x, from y and what the network makes of it.
torch::Tensor step_inverse(const ops::ChannelMap& inverse, CouplingKind kind, const torch::Tensor& y,
                           const NetActivations& activations);

struct StepValues {
  const torch::Tensor& x;
  const torch::Tensor& y;
  const NetActivations& activations;
  /// ops::outside_mask of their size.
  const torch::Tensor& outside_mask;
};
struct StepGradients {
  torch::Tensor x;
  torch::Tensor map_weight, map_bias;
  FoldedCouplingNet net;
};
/// `gradient` is that of y and is written over; `log_det_gradient` [N] that of the coupling's log-determinant.
StepGradients step_backward(const FoldedStep& step, const StepValues& values, torch::Tensor gradient,
                            const torch::Tensor& log_det_gradient);

}  // namespace glow::nn
