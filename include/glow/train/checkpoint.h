#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <torch/types.h>

#include <glow/train/options.h>

namespace glow::train {

/// Those options of a training, automatic ones as what they came to, that give a state's numbers their meaning: the
/// moments and the average are debiased by their decays, and a step is so many images of an order.
struct StateOptions {
  std::int64_t batch = 0;
  std::uint64_t seed = 0;
  OptimizerKind optimizer = OptimizerKind::kAdamax;
  double beta2 = 0, ema_decay = 0;
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

/// Everything that the future of a run depends on, besides its options.
struct TrainingState {
  /// Steps done.
  std::int64_t step = 0;
  /// Those of them that changed nothing, because the loss or its gradient was not finite: the optimiser has made, and
  /// the average seen, step - skipped updates. How many of these came last, one after the other.
  std::int64_t skipped = 0, skipped_in_a_row = 0;
  /// How often the run went back to a checkpoint, to go on with half the learning rate.
  std::int64_t rollbacks = 0;
  /// Best validation bits/dim so far, and its step; infinity before the first evaluation.
  double best_bits_per_dim = std::numeric_limits<double>::infinity();
  std::int64_t best_step = -1;
  /// Whether the run would have written this one whenever it ended, and the step was not skipped. Others come from
  /// stops and ends.
  bool scheduled = true;
  /// Whether what a run does after a step, evaluations and samples, is still to be done after this one.
  bool unfinished = false;
  /// Whether StepReport::fell_back was true of a step: what MemoryPolicy::kReversible says no longer holds.
  bool fell_back = false;
  /// Of the training that the state is of; nullopt when a file of an earlier version does not say.
  std::optional<StateOptions> options = std::nullopt;
  /// [P] each, the layout of nn::FlatParameters.
  torch::Tensor parameters = {}, first_moment = {}, second_moment = {}, average = {};
  /// The model's buffers by name (fixed permutations, signs).
  std::map<std::string, torch::Tensor> buffers = {};
};

/// Writes DIRECTORY/step-000012000.safetensors atomically. Then removes others: all but the newest `keep` scheduled
/// ones, and those of later steps, which belong to a future that this one replaces. `config` is the run's configuration
/// as JSON: it is stored, and newest_intact_checkpoint returns it. Returns the file's path. Throws IoError.
std::filesystem::path write_checkpoint(const std::filesystem::path& directory, const TrainingState& state,
                                       const std::string& config, std::int64_t keep);

struct LoadedCheckpoint {
  TrainingState state;
  std::string config;
};

/// A checkpoint that was found by itself.
struct IntactCheckpoint {
  std::filesystem::path path;
  LoadedCheckpoint content;
  /// What is wrong with each of the newer ones, one line that names the file.
  std::vector<std::string> damaged = {};
};

/// The newest checkpoint in the directory that is whole, its checksum is right, and that is `wanted`, when that is
/// given. Nullopt when there is none at all. Throws FormatError (of the newest) when all are damaged, and when a whole
/// one is none that this library reads, of another format version, say: going on from an older one would remove it.
/// Throws IoError when the directory or a checkpoint is there and cannot be read.
std::optional<IntactCheckpoint> newest_intact_checkpoint(
    const std::filesystem::path& directory, const std::function<bool(const TrainingState&)>& wanted = nullptr);

}  // namespace glow::train
