#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/train/options.h>

#pragma GCC visibility push(default)

namespace glow::train {

/// The options of a training that its state depends on: the decays debias the moments and the average; batch and seed
/// determine which images a step has used. Automatic values are replaced by the chosen ones.
struct StateOptions {
  /// Images of a step, in all processes together.
  std::int64_t batch = 0;
  /// Seed of all random numbers.
  std::uint64_t seed = 0;
  /// The rule of the updates.
  OptimizerKind optimizer = OptimizerKind::kAdamax;
  /// Decay of the second moment.
  double beta2 = 0;
  /// Decay of the weights' average; 0: no average.
  double ema_decay = 0;
};

/// Calls `visit(name, field)` for each field; the names are those of TrainOptions.
template <class Options, class Visitor>
void visit_fields(Options& options,
                  Visitor&& visit) requires std::is_same_v<std::remove_const_t<Options>, StateOptions> {
  visit("batch", options.batch);
  visit("seed", options.seed);
  visit("optimizer", options.optimizer);
  visit("beta2", options.beta2);
  visit("ema_decay", options.ema_decay);
}

/// The numbers of a training's state.
struct TrainingProgress {
  /// Best validation bits/dim so far; infinity before the first evaluation.
  double best_bits_per_dim = std::numeric_limits<double>::infinity();
  /// Steps done.
  std::int64_t step = 0;
  /// The number of these steps that were skipped, because the loss or its gradient was not finite.
  std::int64_t skipped = 0;
  /// The number of skipped steps since the last one that was not skipped.
  std::int64_t skipped_in_a_row = 0;
  /// Number of rollbacks to a checkpoint; each halves the learning rate.
  std::int64_t rollbacks = 0;
  /// The step of best_bits_per_dim; -1 before the first evaluation.
  std::int64_t best_step = -1;
  /// In a checkpoint: whether the run's schedule asks for it (CheckpointPolicy::is_scheduled). A stop or the end of a
  /// run writes unscheduled ones.
  bool scheduled = true;
  /// Whether the evaluations and samples of this step have not been done yet.
  bool unfinished = false;
  /// Whether a step had StepReport::fell_back. Then steps store or recompute their flow variables, although the options
  /// say MemoryPolicy::kReversible.
  bool fell_back = false;
  /// The length of the warm-up (TrainOptions::warmup_epochs), chosen when the training began. The default is that of
  /// earlier versions, whose files do not contain it.
  double warmup_epochs = 10;

  /// Updates that the optimiser and the average have made.
  std::int64_t updates() const { return step - skipped; }
};

/// Calls `visit(name, field)` for each field, or `visit(name, field, lowest, highest)` for a field with a limited
/// range, in the order of a checkpoint's JSON.
template <class Progress, class Visitor>
void visit_fields(Progress& progress,
                  Visitor&& visit) requires std::is_same_v<std::remove_const_t<Progress>, TrainingProgress> {
  constexpr std::int64_t kNone = 0, kMostSteps = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMostRollbacks = 1000;  // the exponent of a double has room for this many halvings
  visit("best_bits_per_dim", progress.best_bits_per_dim);
  visit("step", progress.step, kNone, kMostSteps);
  visit("skipped", progress.skipped, kNone, progress.step);
  visit("skipped_in_a_row", progress.skipped_in_a_row, kNone, progress.skipped);
  visit("rollbacks", progress.rollbacks, kNone, kMostRollbacks);
  visit("best_step", progress.best_step);
  visit("scheduled", progress.scheduled);
  visit("unfinished", progress.unfinished);
  visit("fell_back", progress.fell_back);
  visit("warmup_epochs", progress.warmup_epochs);
}

/// The complete state of a run, except its options.
struct TrainingState : TrainingProgress {
  /// The options of the state's training; nullopt when a file of an earlier version does not contain them.
  std::optional<StateOptions> options = std::nullopt;
  /// The weights, [P], in the layout of nn::FlatParameters, as the next three.
  torch::Tensor parameters = {};
  /// The moments m of Optimizer, [P].
  torch::Tensor first_moment = {};
  /// The moments v of Optimizer, [P].
  torch::Tensor second_moment = {};
  /// The average a of Optimizer, [P]; Optimizer::averaged_parameters debiases it.
  torch::Tensor average = {};
  /// The model's buffers by name (fixed permutations, signs).
  std::map<std::string, torch::Tensor> buffers = {};
};

/// Calls `visit(name, tensor)` for the tensors [P] of a state.
template <class State, class Visitor>
void visit_flat_tensors(State& state, Visitor&& visit) {
  visit("parameters", state.parameters);
  visit("first_moment", state.first_moment);
  visit("second_moment", state.second_moment);
  visit("average", state.average);
}

/// The state before the first step of a training of `parameters` [P], which it shares: moments and average are zero.
TrainingState initial_state(const torch::Tensor& parameters);

/// Throws FormatError that names a number outside its range.
void require_possible(const TrainingProgress& progress);
/// Throws ConfigError that names the first option that differs.
void require_same(const StateOptions& expected, const StateOptions& given);

/// Copies the numbers of `from` and, in place, the values of its tensors; `state` keeps its options. Throws FormatError
/// that names a tensor which is missing, unknown, or of another shape or dtype; nothing is changed then.
void assign(TrainingState& state, const TrainingState& from);

/// Replaces numbers and tensor values, in place, by those of rank 0; the options are not sent. Every process calls it
/// with tensors of the same shapes and dtypes. Throws ProcessError.
void broadcast(TrainingState& state, distributed::Communicator& processes);

}  // namespace glow::train

#pragma GCC visibility pop
