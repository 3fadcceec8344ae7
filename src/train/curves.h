#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/train/run_directory.h>

namespace glow::train {

/// A number that a run wrote down at some of its steps.
struct Curve {
  std::vector<std::int64_t> steps;
  std::vector<double> values;
  /// How often it was null: not finite.
  std::int64_t missing = 0;
};

/// At most `most` >= 4 of the points: the first and the last, and of each stretch between them the lowest and the
/// highest.
Curve thinned(const Curve& curve, std::size_t most);

/// Means over about a twentieth of the curve around each point, at least over 5 points; towards the ends over fewer.
Curve smoothed(const Curve& curve);

/// What metrics.jsonl and timing.jsonl say.
struct RunRecord {
  /// By key: every number that stands in a line, and "smallest_singular_value", the smallest of a line's.
  std::map<std::string, Curve> curves;
  /// The last text that stood under a key.
  std::map<std::string, std::string> texts;
  std::vector<std::int64_t> skipped_steps;
  /// Lines about rollbacks.
  std::vector<nlohmann::ordered_json> rollbacks;
  /// Of all lines, 0 when there is none.
  std::int64_t last_step = 0;
  /// Of the evaluation that the run's model is of.
  std::optional<std::int64_t> best_step;
};

/// Files that are missing and lines that are torn count as empty. Throws IoError when a file cannot be read.
RunRecord read_record(const RunDirectory& directory);

}  // namespace glow::train
