#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

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

/// Shows that work which reports no progress goes on: on a terminal after a second, otherwise with a line whenever
/// `interval` has passed.
class LongWork {
 public:
  LongWork(StatusLine& status, std::chrono::milliseconds interval) : status_(status), interval_(interval) {}
  ~LongWork() { end(); }
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;

  /// `what`: "initialising the model". Ends the work before it.
  void begin(const std::string& what);
  void end();

 private:
  StatusLine& status_;
  std::chrono::milliseconds interval_;
  std::jthread thread_;
};

/// Shows the progress of a run: on a terminal one line that is rewritten, otherwise a line every `log_every` steps and
/// whenever `interval` has passed without one.
class TrainProgress {
 public:
  TrainProgress(StatusLine& status, const train::TrainOptions& options,
                std::chrono::milliseconds interval = std::chrono::minutes(1))
      : status_(status), options_(options), interval_(interval), work_(status, interval) {}

  /// The callbacks refer to this object.
  train::RunCallbacks callbacks();
  /// Call before a run is started or resumed, which may take long.
  void begin(const std::string& what) { work_.begin(what); }
  /// Call before the first step of this call. `steps`: of the whole run.
  void begin_steps(std::int64_t steps_done, std::int64_t steps);
  /// Call when there are no more steps, or none to do.
  void end() { work_.end(); }

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
  std::chrono::milliseconds interval_;
  LongWork work_;
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
  /// Time of the first step of this call, with which it begins to estimate.
  std::optional<double> first_seconds_;
  /// When a line was last written.
  Clock::time_point last_line_ = Clock::now();
};

}  // namespace glow::tools
