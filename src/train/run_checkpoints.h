#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <glow/train/checkpoint.h>
#include <glow/train/options.h>

namespace glow::train {

/// A run's checkpoints: when one is due, and which of them a rollback goes to.
class RunCheckpoints {
 public:
  /// `config`: the run's, as JSON.
  RunCheckpoints(std::filesystem::path directory, const TrainOptions& options, std::string config);

  /// Whether one is due after the step whenever the run ends.
  bool is_scheduled(std::int64_t step) const;
  /// Writes that of a state, whose `scheduled` is not looked at. Returns its path. Throws IoError.
  std::filesystem::path write(TrainingState state) const;
  /// For a run whose last steps were skipped: the newest that is scheduled and after which a step had a finite loss, so
  /// that its weights are sound. Throws NumericalError that begins with `trouble` when there is none.
  IntactCheckpoint before_trouble(const TrainingState& now, const std::string& trouble) const;

 private:
  std::filesystem::path directory_;
  std::int64_t every_;
  std::int64_t keep_;
  std::string config_;
};

}  // namespace glow::train
