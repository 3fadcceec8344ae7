#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/evaluate/score.h>
#include <glow/train/monitors.h>
#include <glow/train/run_directory.h>
#include <glow/train/step_report.h>
#include <glow/train/training_run.h>
#include <glow/train/training_state.h>

namespace glow::train {

/// A number that a run has logged at some of its steps.
struct Curve {
  std::vector<std::int64_t> steps;
  std::vector<double> values;
  /// Number of values that were null, that is, not finite.
  std::int64_t missing = 0;
};

void add_point(Curve& curve, std::int64_t step, double value);

/// At most `most` >= 4 of the points: the first, the last, and the lowest and the highest of each interval between
/// them.
Curve thinned(const Curve& curve, std::size_t most);

/// Moving averages over about a twentieth of the curve around each point, at least 5 points; fewer near the ends.
Curve smoothed(const Curve& curve);

/// The content of metrics.jsonl and timing.jsonl, for report.html.
class RunRecord {
 public:
  /// Adds a line. A number that is not finite counts as null, because the file contains null. Ignores a line that is
  /// not an object with an integer `step`.
  void add(const nlohmann::ordered_json& line);
  /// Appends the record of another file.
  void append(const RunRecord& other);

  /// By key: all numbers of the lines, and "smallest_singular_value", the smallest one of each line. Every point is
  /// kept, 16 bytes each, because the points of a thinned or smoothed curve change with its length.
  std::map<std::string, Curve> curves;
  /// The last text for each key.
  std::map<std::string, std::string> texts;
  std::vector<std::int64_t> skipped_steps;
  /// Lines about rollbacks.
  std::vector<nlohmann::ordered_json> rollbacks;
  /// The maximum over all lines; 0 when there are none.
  std::int64_t last_step = 0;
  /// The step of the evaluation whose weights model.safetensors holds.
  std::optional<std::int64_t> best_step;

 private:
  void note_evaluation(const nlohmann::ordered_json& line);

  double best_bits_per_dim_ = std::numeric_limits<double>::infinity();
};

/// Reads both files. A missing file counts as empty. Ignores lines that are not valid JSON and a last line without a
/// newline. Throws IoError when a file exists and cannot be read.
RunRecord read_record(const RunDirectory& directory);

/// glow::train::write_report for a record that is in memory.
void write_report(const RunDirectory& directory, const RunRecord& record);

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
  /// `prefix` of the keys: "valid" or "test"; `monitors`, if given, are in the same line. keep_evaluations writes the
  /// lines and forget_evaluations drops them, so that the file has all evaluations of a step or none.
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
