#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/nn/glow.h>

namespace torch::autograd {
struct Node;
}

namespace glow::train {

/// Sums the gradients of all processes in place, in slices of the model's flat buffer, by default while the backward
/// pass is still running: this pass completes the buffer from its end to its beginning, and the sum of a slice starts
/// as soon as the slice is complete. All processes sum the same slices in the same order. As long as this object
/// exists, the model's batch norms sum their moments over the processes too.
class GradientSum {
 public:
  /// The memory of the model's parameters must not move from here on. Each slice but the last has at least
  /// `slice_bytes` bytes. Unless `during_backward`, all sums start in `finish`: for a backward pass that is replayed as
  /// a CUDA graph, without its hooks.
  GradientSum(nn::Glow model, std::shared_ptr<distributed::Communicator> processes, std::int64_t slice_bytes,
              bool during_backward = true);
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;
  ~GradientSum();

  /// Announces that the next backward pass completes the gradients. It must reach the same parameters each time.
  void expect();
  /// Call after that pass: starts the sums of slices that are still incomplete, and waits for all sums.
  void finish();

  /// The time spent in `finish` so far.
  double seconds_waited() const { return seconds_waited_; }

 private:
  struct Slice {
    /// A part of the flat gradient.
    torch::Tensor gradients;
    /// The number of its parameters that get a gradient, and of those whose gradient has not arrived yet. Parameters
    /// that get none, for example of a classifier that is not in the loss, are known after the first backward pass.
    std::int64_t parameters = 0, missing = 0;
  };

  void arrived(std::size_t slice);
  void start_next();

  /// The autograd node that adds to a parameter's gradient, which autograd itself does not keep alive, and the hook
  /// that calls `arrived` after it. The node also runs, with an undefined gradient, after a backward pass has added to
  /// the gradient itself (GlowImpl::set_adds_gradients).
  struct Accumulator {
    std::shared_ptr<torch::autograd::Node> node;
    std::uintptr_t hook;
  };

  nn::Glow model_;
  std::shared_ptr<distributed::Communicator> processes_;
  /// From the end of the buffer to its beginning.
  std::vector<Slice> slices_;
  std::vector<Accumulator> accumulators_;
  bool expects_ = false;
  std::vector<distributed::Communicator::Wait> started_;
  double seconds_waited_ = 0;
};

}  // namespace glow::train
