#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

#pragma GCC visibility push(default)

namespace glow::train {

/// Where a training run keeps its files (docs/formats.md, "Run directory").
class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path config() const { return root_ / "config.json"; }
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }
  std::filesystem::path timing() const { return root_ / "timing.jsonl"; }
  std::filesystem::path model() const { return root_ / "model.safetensors"; }
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  std::filesystem::path report() const { return root_ / "report.html"; }
  std::filesystem::path samples() const { return root_ / "samples"; }
  /// "samples/step-000002000.png"
  std::filesystem::path sample_grid(std::int64_t step) const;
  /// Replaced whenever a sample grid is written.
  std::filesystem::path temperatures() const { return samples() / "temperatures.png"; }
  std::filesystem::path interpolations() const { return samples() / "interpolations.png"; }
  std::filesystem::path levels() const { return samples() / "levels.png"; }

  /// Whether the directory contains nothing of value: it is missing or empty, or has only the files of a run that was
  /// killed during its start, before it wrote config.json: folders, empty logs, the checkpoint of step 0 and temporary
  /// files.
  bool is_unused() const;
  /// Whether the directory contains a run: it is not unused, and has config.json, or metrics.jsonl, which a run writes
  /// before config.json.
  bool holds_run() const;
  /// Makes the directory and its folders. Throws IoError.
  void create() const;
  /// Removes the temporary files of a run that was killed while it wrote. Throws IoError.
  void remove_temporaries() const;
  /// Removes the files that a run writes, then its sub-folders if they are empty, and nothing else. Throws IoError.
  void remove_run() const;

 private:
  std::filesystem::path root_;
};

/// Writes the run's report.html atomically: a self-contained page with curves, pictures, settings and the command that
/// repeats the run. Depends only on the directory's name and other files. Missing files are left out, so that it also
/// works for a run in progress. If there are many sample grids, it shows some of them, spread over the run. Throws
/// IoError.
void write_report(const RunDirectory& directory);

}  // namespace glow::train

#pragma GCC visibility pop
