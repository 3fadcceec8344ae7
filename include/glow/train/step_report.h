#pragma once

#include <cstdint>
#include <string>

#pragma GCC visibility push(default)

namespace glow::train {

/// StepNumbers::reconstruction_error of a step that rebuilt no flow variable.
inline constexpr double kNothingRebuilt = -1;

/// How the number of a whole batch is computed from those of the processes' shards.
enum class Combine {
  /// Their sum.
  kSum,
  /// The square root of the sum of their squares.
  kNorm,
  /// The largest of them.
  kLargest,
};

/// The numbers that a step computes. During the step they are scalar tensors on the model's device, computed from the
/// images of a part of the batch; afterwards doubles, computed from the whole batch.
template <class Number>
struct StepNumbers {
  /// Mean over the batch, bits/dim, with the weights before the step.
  Number bits_per_dim = {};
  /// Auxiliary classification loss, bits per image; 0 without one.
  Number class_bits = {};
  /// Euclidean norm of the gradient, before it is clipped.
  Number gradient_norm = {};
  /// With MemoryPolicy::kReversible: nn::Encoding::reconstruction_error; else kNothingRebuilt.
  Number reconstruction_error = {};
  /// Number of processes that were asked to stop (distributed::Communicator::ask_to_stop).
  Number stops = {};
};

/// Calls `visit(field, combine)` for each number.
template <class Numbers, class Visitor>
void visit_numbers(Numbers& numbers, Visitor&& visit) {
  visit(numbers.bits_per_dim, Combine::kSum);
  visit(numbers.class_bits, Combine::kSum);
  visit(numbers.gradient_norm, Combine::kNorm);
  visit(numbers.reconstruction_error, Combine::kLargest);
  visit(numbers.stops, Combine::kSum);
}

/// The result of one step of training; the same in all processes.
struct StepReport : StepNumbers<double> {
  /// Steps done, including this one.
  std::int64_t step = 0;
  /// The learning rate of the step.
  double learning_rate = 0;
  /// Whether the loss or its gradient was not finite, so that the step changed nothing.
  bool skipped = false;
  /// Whether one of the processes was asked to stop; all processes have the same value.
  bool stop_asked = false;
  /// Whether reconstruction_error exceeded largest_reconstruction_error. Then the step was repeated with kRecompute,
  /// which all later steps use as well.
  bool fell_back = false;
  /// Why a CUDA graph could not be captured, so that this and all later steps run without one
  /// (TrainOptions::cuda_graph); mostly empty. Of this process alone.
  std::string capture_failure;

  /// Whether flow variables were rebuilt.
  bool has_rebuilt() const { return reconstruction_error != kNothingRebuilt; }
};

/// Calls `visit(key, value)` for each value of a step's line in metrics.jsonl, in their order.
template <class Visitor>
void visit_fields(const StepReport& report, Visitor&& visit) {
  visit("step", report.step);
  visit("bits_per_dim", report.bits_per_dim);
  visit("class_bits", report.class_bits);
  visit("gradient_norm", report.gradient_norm);
  visit("learning_rate", report.learning_rate);
  if (report.has_rebuilt()) visit("reconstruction_error", report.reconstruction_error);
  if (report.fell_back) visit("fell_back", true);
  if (report.skipped) visit("skipped", true);
}

}  // namespace glow::train

#pragma GCC visibility pop
