#include "train/run_checkpoints.h"

#include <utility>

#include <glow/error.h>

namespace glow::train {

RunCheckpoints::RunCheckpoints(std::filesystem::path directory, const TrainOptions& options, std::string config)
    : directory_(std::move(directory)),
      every_(options.checkpoint_every),
      keep_(options.keep),
      config_(std::move(config)) {}

bool RunCheckpoints::is_scheduled(std::int64_t step) const { return step == 0 || (every_ > 0 && step % every_ == 0); }

std::filesystem::path RunCheckpoints::write(TrainingState state) const {
  state.scheduled = is_scheduled(state.step) && state.skipped_in_a_row == 0;
  return write_checkpoint(directory_, state, config_, keep_);
}

IntactCheckpoint RunCheckpoints::before_trouble(const TrainingState& now, const std::string& trouble) const {
  const auto last_finite = now.step - now.skipped_in_a_row;
  try {
    auto found = newest_intact_checkpoint(
        directory_, [last_finite](const TrainingState& state) { return state.scheduled && state.step < last_finite; });
    if (found) return *std::move(found);
  } catch (const FormatError& error) {
    throw NumericalError(trouble + "; there is no checkpoint to go back to: " + error.what());
  }
  throw NumericalError(trouble + "; there is no earlier checkpoint to go back to");
}

}  // namespace glow::train
