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

/// Adds the gradients of all processes up where they lie, in slices of the model's flat buffer: the backward pass,
/// which completes the buffer from its end to its beginning, starts each slice's sum as soon as the slice is complete
/// and goes on meanwhile. The slices start in the same order in every process. While it lives the model's batch norms
/// add up theirs too.
class GradientSum {
 public:
  /// `model` stays where it is from here on. Each slice but the last is at least `slice_bytes` long.
  GradientSum(nn::Glow model, std::shared_ptr<distributed::Communicator> processes, std::int64_t slice_bytes);
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;
  ~GradientSum();

  /// The backward pass that comes next completes the gradients, of the same parameters each time.
  void expect();
  /// After it: starts what no gradient has reached, and waits for all sums.
  void finish();

  /// In finish, since the beginning.
  double seconds_waited() const { return seconds_waited_; }

 private:
  struct Slice {
    /// A part of the flat gradient.
    torch::Tensor gradients;
    /// Parameters in it that have gradients, and those of them whose gradients are still to come. Which have none, of a
    /// classifier that the loss does not ask say, is known after the first backward pass: they are all alike.
    std::int64_t parameters = 0, missing = 0;
  };

  void arrived(std::size_t slice);
  void start_next();

  /// What adds to a parameter's gradient, which lives as long as somebody holds it, and what tells here when it has.
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
