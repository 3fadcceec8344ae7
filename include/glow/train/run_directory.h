#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

#pragma GCC visibility push(default)

namespace glow::train {

/// Where a training run keeps its files (docs/formats.md, "Run directory").
class RunDirectory {
 public:
  /// The run in directory `root`, which need not exist.
  explicit RunDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  /// The directory of the run.
  const std::filesystem::path& root() const { return root_; }
  /// All options of the run, and the command that repeats it.
  std::filesystem::path config() const { return root_ / "config.json"; }
  /// The numbers of logged steps, evaluations and rollbacks, a JSON object in each line.
  std::filesystem::path metrics() const { return root_ / "metrics.jsonl"; }
  /// Times, speed and memory of the same steps.
  std::filesystem::path timing() const { return root_ / "timing.jsonl"; }
  /// The best model so far, with averaged weights.
  std::filesystem::path model() const { return root_ / "model.safetensors"; }
  /// The folder of checkpoints (write_checkpoint).
  std::filesystem::path checkpoints() const { return root_ / "checkpoints"; }
  /// The report (write_report).
  std::filesystem::path report() const { return root_ / "report.html"; }
  /// The folder of pictures.
  std::filesystem::path samples() const { return root_ / "samples"; }
  /// "samples/step-000002000.png"
  std::filesystem::path sample_grid(std::int64_t step) const;
  /// The same latents at several temperatures. Replaced whenever a sample grid is written, as are the next two.
  std::filesystem::path temperatures() const { return samples() / "temperatures.png"; }
  /// Interpolations between validation images.
  std::filesystem::path interpolations() const { return samples() / "interpolations.png"; }
  /// Validation images with their finest levels resampled.
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
