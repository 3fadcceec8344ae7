#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <glow/train/training_run.h>

#include "train/batches.h"
#include "train/run_output.h"

namespace glow::train {

/// Thrown through an evaluation or the drawing of samples that is not to be waited for.
struct StopAsked {};

/// The loop of a run, as one of its processes goes through it.
class TrainingRun::Impl {
 public:
  struct Inputs {
    nn::Glow model;
    RunData data;
    TrainOptions options;
    RunFiles files;
    RunCallbacks callbacks;
    std::shared_ptr<distributed::Communicator> processes;
    /// That the run goes on from.
    std::filesystem::path checkpoint = {};
  };

  /// The model is initialised, and the directory is there. Continues from `state`, a new one or a checkpoint's; that of
  /// rank 0 counts, which alone has a lock.
  Impl(Inputs inputs, std::optional<RunLock> lock, const TrainingState& state);

  std::int64_t total_steps() const { return total_steps_; }
  std::int64_t steps_done() const { return trainer_.steps_done(); }
  RunResult run();
  void write_checkpoint();
  void write_report() {
    if (output_) output_->report.write();
  }

 private:
  /// Whether what is done every `every` steps, and at the end, is due.
  bool due(std::int64_t every) const;
  Batches batches_from(std::int64_t step) const;
  void train_step(Batches& batches);
  bool is_over(const RunResult& result) const;
  /// To the end, or to where the run has gone back to a checkpoint.
  void train(RunResult& result);
  /// To the last checkpoint that is good. Throws NumericalError.
  void roll_back();
  std::string first_not_finite() const;
  /// What comes after a step: evaluations, samples, a checkpoint.
  void finish_step(RunResult& result);
  /// Without the checkpoint.
  void evaluate_and_sample(RunResult& result);
  distributed::Communicator& processes() const { return *inputs_.processes; }
  /// Whether this process is asked to stop, which it tells the others, or knows that another is.
  bool stop_asked() const {
    const bool is_asked = inputs_.callbacks.should_stop && inputs_.callbacks.should_stop();
    if (is_asked) processes().ask_to_stop();
    return is_asked || processes().stop_asked();
  }
  /// The same after a step, when all processes have the same answer.
  bool stops() const { return processes().size() == 1 ? stop_asked() : stop_agreed_; }
  void leave_if_asked() const {
    if (stop_asked()) throw StopAsked();
  }
  /// Does what a stop may leave in the middle: then all leave, those too that were through.
  template <class Work>
  void together(Work&& work) const {
    bool left = false;
    try {
      work();
    } catch (const StopAsked&) {
      left = true;
    }
    if (processes().any(left)) throw StopAsked();
  }
  evaluate::ScoreSummary validate();
  evaluate::ScoreSummary test();
  evaluate::ScoreSummary score(nn::Glow model, const data::Images& images, ops::Stream noise, const std::string& key,
                               const std::string& what, const std::optional<Monitors>& monitors = std::nullopt);
  void write_samples();
  void wrote(const std::filesystem::path& path) const {
    if (inputs_.callbacks.wrote) inputs_.callbacks.wrote(path);
  }

  /// What only rank 0 is told.
  template <class... Parameters, class... Arguments>
  void tell(const std::function<void(Parameters...)>& callback, Arguments&&... arguments) const {
    if (output_ && callback) callback(std::forward<Arguments>(arguments)...);
  }

  Inputs inputs_;
  CheckpointPolicy policy_;
  std::int64_t total_steps_;
  Trainer trainer_;
  /// Null but in the process of rank 0.
  std::unique_ptr<RunOutput> output_;
  /// StepReport::stop_asked of the last step.
  bool stop_agreed_ = false;
};

}  // namespace glow::train
