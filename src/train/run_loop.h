#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <glow/train/run_directory.h>
#include <glow/train/training_run.h>

#include "data/batches.h"
#include "train/journal.h"
#include "train/run_files.h"

namespace glow::train {

/// Thrown out of an evaluation or the drawing of samples when the run is asked to stop.
struct StopAsked {};

/// The loop of a run in one of its processes. All processes execute the same statements. The work of rank 0 alone is in
/// the journal, the lock and the callbacks, which are empty in the others, and in a few calls guarded by is_root.
class TrainingRun::Impl {
 public:
  struct Inputs {
    nn::Glow model;
    RunData data;
    TrainOptions options;
    RunFiles files;
    RunCallbacks callbacks;
    std::shared_ptr<distributed::Communicator> processes;
    /// Empty in the ranks other than 0.
    RunLock lock = {};
    /// The file of the state from which the run continues; empty for a new run.
    std::filesystem::path checkpoint = {};
  };

  /// The model is initialised, and the directory exists. Continues from rank 0's `state`, a new one or a checkpoint's.
  Impl(Inputs inputs, const TrainingState& state);

  std::int64_t total_steps() const { return total_steps_; }
  std::int64_t steps_done() const { return trainer_.steps_done(); }
  RunResult run();
  void write_checkpoint();
  void write_report() const { journal_->write_report(); }

 private:
  /// Whether work that is done every `every` steps and at the end is due.
  bool due(std::int64_t every) const;
  data::Batches batches_from(std::int64_t step) const;
  bool is_over(const RunResult& result) const;
  /// Trains until the end or until the run has gone back to a checkpoint.
  void train(RunResult& result);
  void train_step(data::Batches& batches);
  /// Goes back to the newest checkpoint whose weights are sound. Throws NumericalError.
  void roll_back();
  std::string first_not_finite() const;
  /// The work after a step: evaluations, samples, a checkpoint.
  void finish_step(RunResult& result);
  void evaluate_and_sample(RunResult& result);
  distributed::Communicator& processes() const { return *inputs_.processes; }
  bool is_root() const { return processes().is_root(); }
  /// Whether this process is asked to stop, or knows that another one is. In the first case it tells the others.
  bool stop_asked() const;
  /// The same after a step; all processes get the same answer.
  bool stop_agreed() const { return processes().size() == 1 ? stop_asked() : stop_agreed_; }
  void throw_if_asked_to_stop() const {
    if (stop_asked()) throw StopAsked();
  }
  /// Calls `work`, which may throw StopAsked in some of the processes: then it is thrown in all of them.
  void together(const std::function<void()>& work) const;
  evaluate::ScoreSummary validate();
  evaluate::ScoreSummary test();
  evaluate::ScoreSummary score(nn::Glow model, const data::Images& images, ops::Stream noise, const std::string& key,
                               const std::string& what, const std::optional<Monitors>& monitors = std::nullopt);
  void write_samples();

  Inputs inputs_;
  RunDirectory directory_;
  CheckpointPolicy policy_;
  std::int64_t total_steps_;
  Trainer trainer_;
  std::unique_ptr<Journal> journal_;
  /// StepReport::stop_asked of the last step.
  bool stop_agreed_ = false;
};

}  // namespace glow::train
