#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/train/run_directory.h>

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

/// The content of metrics.jsonl and timing.jsonl, for the page about the run.
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

/// Reads both files. A missing file, a line that is torn and a last line without its end count as empty. Throws IoError
/// when a file exists and cannot be read.
RunRecord read_record(const RunDirectory& directory);

/// glow::train::write_report for a record that is in memory.
void write_report(const RunDirectory& directory, const RunRecord& record);

}  // namespace glow::train
