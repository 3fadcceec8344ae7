#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <glow/evaluate/score.h>
#include <glow/train/monitors.h>
#include <glow/train/run_directory.h>
#include <glow/train/step_report.h>
#include <glow/train/training_run.h>
#include <glow/train/training_state.h>

namespace glow::train {

/// The log of a run: metrics.jsonl, which does not depend on a clock; timing.jsonl with the seconds, images/s and
/// memory of the same lines; and report.html. This base class writes nothing and is the journal of the ranks other than
/// 0.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Adds to the counts of the next line of `step`: images trained on, and the seconds that they took.
  virtual void count(std::int64_t /*images*/, double /*seconds*/) {}
  virtual void step(const StepReport& /*report*/) {}
  virtual void rollback(const Rollback& /*rollback*/) {}
  /// `prefix` of the keys: "valid" or "test"; `monitors`, if given, are in the same line. Written by keep_evaluations:
  /// all evaluations of a step or none.
  virtual void evaluation(std::int64_t /*step*/, const std::string& /*prefix*/, const evaluate::ScoreSummary& /*score*/,
                          double /*seconds*/, const std::optional<Monitors>& /*monitors*/) {}
  virtual void keep_evaluations() {}
  virtual void forget_evaluations() {}
  /// Removes the lines that do not belong to a run in this state: those of later steps, those of rollbacks that the
  /// state does not contain, and, when it is `unfinished`, the evaluations of its last step.
  virtual void cut_to(const TrainingProgress& /*progress*/) {}
  /// Writes report.html from the record in memory. Throws IoError, as do all other functions.
  virtual void write_report() const {}
};

/// Opens the journal in the directory and cuts it to `progress`, that of a new run or of a checkpoint. Throws IoError.
std::unique_ptr<Journal> open_journal(const RunDirectory& directory, const TrainingProgress& progress);

/// Seconds since `start`.
double seconds_since(std::chrono::steady_clock::time_point start);

}  // namespace glow::train
