#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/train/run_directory.h>

#include "train/curves.h"

namespace glow::train {

/// What lines of metrics.jsonl and timing.jsonl say.
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

/// Reads a file of lines again and again, each time only what was appended since. Whoever reads often and whoever reads
/// once see the same: when the file is shorter than what was read, or other bytes stand there, as after a return to a
/// checkpoint, reading starts over.
class LogReader {
 public:
  explicit LogReader(std::filesystem::path path) : path_(std::move(path)) {}

  /// A file that is missing, lines that are torn and a last line without its end count as empty. Throws IoError when
  /// the file cannot be read.
  const RunRecord& read();

 private:
  bool continues(std::istream& stream) const;
  void start_over();
  void add(const std::string& text);
  void note_evaluation(const nlohmann::ordered_json& line);

  std::filesystem::path path_;
  /// Whole lines.
  std::int64_t bytes_read_ = 0;
  /// The first and the last of the bytes that are read: a log that was cut and has grown again has other numbers there.
  std::string first_, last_;
  /// Every point is kept, 16 bytes each: which of them a thinned or smoothed curve is made of changes with its length.
  RunRecord record_;
  double best_bits_per_dim_ = std::numeric_limits<double>::infinity();
};

/// What both of a run's files say.
class RecordReader {
 public:
  explicit RecordReader(const RunDirectory& directory) : metrics_(directory.metrics()), timing_(directory.timing()) {}

  /// As LogReader; of a key that stands in both files the points of metrics.jsonl come first.
  RunRecord read();

 private:
  LogReader metrics_, timing_;
};

}  // namespace glow::train
