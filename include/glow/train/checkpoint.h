#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <glow/train/training_state.h>

#pragma GCC visibility push(default)

namespace glow::train {

/// When a run writes checkpoints, and how many of them it keeps.
struct CheckpointPolicy {
  /// TrainOptions::checkpoint_every: steps between scheduled checkpoints; 0: only that of step 0.
  std::int64_t every = 0;
  /// TrainOptions::keep: the number of scheduled checkpoints that are kept.
  std::int64_t keep = 1;

  /// Whether the schedule asks for a checkpoint of this state, independent of the end of the run: at step 0 and after
  /// every `every` steps, unless the last step was skipped.
  bool is_scheduled(const TrainingProgress& progress) const {
    const bool is_due = progress.step == 0 || (every > 0 && progress.step % every == 0);
    return is_due && progress.skipped_in_a_row == 0;
  }
};

/// Writes DIRECTORY/step-000012000.safetensors atomically, with state.scheduled as the policy decides. Then removes all
/// other checkpoints except the newest policy.keep scheduled ones; it also removes those of later steps, which the run
/// will repeat. `config` is the run's configuration as JSON; newest_intact_checkpoint returns it. Returns the file's
/// path. Throws IoError.
std::filesystem::path write_checkpoint(const std::filesystem::path& directory, TrainingState state,
                                       const std::string& config, const CheckpointPolicy& policy);

/// The content of a checkpoint.
struct LoadedCheckpoint {
  /// The state of the training.
  TrainingState state;
  /// The run's configuration as JSON, as write_checkpoint got it.
  std::string config;
};

/// The result of a search for a checkpoint.
struct IntactCheckpoint {
  /// The file.
  std::filesystem::path path;
  /// Its content.
  LoadedCheckpoint content;
  /// One line for each newer file that is damaged: its name and what is wrong.
  std::vector<std::string> damaged = {};
};

/// The newest checkpoint in the directory whose file is whole (its checksum is right) and for which `wanted`, when
/// given, is true. Nullopt when there is none. Throws the FormatError of the newest when all are damaged. Also throws
/// FormatError when a whole file cannot be read by this library, for example because of another format version: a run
/// that continued from an older checkpoint would remove the file. Throws IoError when the directory or a checkpoint
/// exists and cannot be read.
std::optional<IntactCheckpoint> newest_intact_checkpoint(
    const std::filesystem::path& directory, const std::function<bool(const TrainingState&)>& wanted = nullptr);

}  // namespace glow::train

#pragma GCC visibility pop
