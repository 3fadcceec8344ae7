#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <glow/train/training_run.h>

#include "tools/common/console.h"

namespace glow::tools {

/// An exponential moving average of the values, without bias to zero at the start.
class RecentMean {
 public:
  void add(double value);
  bool is_empty() const { return weight_ == 0; }
  double value() const { return sum_ / weight_; }

 private:
  double sum_ = 0;
  double weight_ = 0;
};

/// Shows the progress of a run: on a terminal one line that is rewritten, otherwise a line every `log_every` steps.
class TrainProgress {
 public:
  TrainProgress(StatusLine& status, const train::TrainOptions& options) : status_(status), options_(options) {}

  /// The callbacks refer to this object.
  train::RunCallbacks callbacks();
  /// Call before the first step. Sets the number of steps of the whole run.
  void set_total_steps(std::int64_t steps) { total_steps_ = steps; }

 private:
  using Clock = std::chrono::steady_clock;

  void step(const train::StepReport& report);
  void evaluating(const std::string& what, std::int64_t done, std::int64_t total);
  void evaluated(std::int64_t step, const evaluate::ScoreSummary& evaluation, const train::Monitors& monitors,
                 bool best);
  void rolled_back(const train::Rollback& rollback);
  std::string line() const;

  StatusLine& status_;
  train::TrainOptions options_;
  std::int64_t total_steps_ = 0;
  std::int64_t steps_done_ = 0;
  /// Steps that this call has skipped, without those that a rollback undid.
  std::int64_t skipped_ = 0;
  RecentMean bits_per_dim_;
  RecentMean class_bits_;
  RecentMean seconds_;
  /// The start of the current step, if known. Evaluations and other work between steps are not counted.
  Clock::time_point step_began_;
  bool knows_begin_ = false;
};

}  // namespace glow::tools
