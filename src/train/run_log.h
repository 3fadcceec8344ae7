#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <glow/evaluate/score.h>
#include <glow/train/checkpoint.h>
#include <glow/train/monitors.h>
#include <glow/train/run_directory.h>
#include <glow/train/trainer.h>
#include <glow/train/training_run.h>

#include "train/json_lines.h"

namespace glow::train {

/// What a run writes down as it goes: metrics.jsonl, in which nothing depends on a clock, and timing.jsonl with the
/// seconds, images/s and memory of the same lines.
class RunLog {
 public:
  /// Continues the files of the directory after the state's step, 0 for a new run; when that is `unfinished`, without
  /// its evaluations, which are still to come.
  RunLog(const RunDirectory& directory, const TrainingState& state);

  /// Adds to what the next line of `step` counts: images trained on, and the seconds that took.
  void count(std::int64_t images, double seconds);
  void step(const StepReport& report);
  void rollback(const Rollback& rollback);
  /// `prefix` of the keys: "valid" or "test". Written down by keep_evaluations, all of a step or none; `monitors`, when
  /// there are any, in the same line.
  void evaluation(std::int64_t step, const std::string& prefix, const evaluate::ScoreSummary& score, double seconds,
                  const std::optional<Monitors>& monitors);
  void keep_evaluations();
  void forget_evaluations() { evaluations_.clear(); }

 private:
  using Json = nlohmann::ordered_json;
  struct Evaluated {
    Json metrics, timing;
  };

  Json timing_line(std::int64_t step, const std::string& prefix, std::int64_t images, double seconds) const;

  JsonLines metrics_;
  JsonLines timing_;
  /// Seconds of the run before this process.
  double earlier_seconds_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::int64_t counted_images_ = 0;
  double counted_seconds_ = 0;
  std::vector<Evaluated> evaluations_;
};

/// Seconds since `start`.
double seconds_since(std::chrono::steady_clock::time_point start);

}  // namespace glow::train
