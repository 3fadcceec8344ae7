#pragma once

#include <filesystem>
#include <string>

#include <glow/train/checkpoint.h>

#include "tools/common/flags.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

/// The content of a run's config.json.
struct RunConfig {
  /// The value of every flag (Flags::kept).
  Json options;
  /// The values that were chosen for options with the value "automatic".
  Json resolved;
  /// The model's glow.config.
  Json model;
  /// Images in each split.
  Json images;
  /// Versions of Glow and LibTorch.
  Json versions;
  /// The words of a command line that starts the same run in the same directory: flags with other values than the
  /// defaults, and device and threads, whose defaults depend on the machine.
  Json command;
};

RunConfig make_run_config(const TrainSettings& settings, const Flags& flags, const ImageSplits& images,
                          const Compute& compute, std::int64_t processes);

std::string to_json_text(const RunConfig& config);

/// Throws IoError, and FormatError when the file was not written by glow-train.
RunConfig read_run_config(const std::filesystem::path& path);

/// The specification of the run's data with an absolute path, where the run found them; if nothing is there now, the
/// one as it was given, whose path may be relative. Empty for a run of an earlier version, which stored only that.
std::string place_of_data(const RunConfig& config);

/// Throws IoError unless something is at the path of a run's data, which its file `config` has and no flag of this
/// call.
void require_data(const DataSettings& settings, const std::filesystem::path& config);

/// Whether options, model, images and versions are the same; device, threads and processes may differ.
bool is_alike(const RunConfig& one, const RunConfig& other);

/// The configuration without the fingerprint of the images, so that the functions below do not compare it.
RunConfig without_content(RunConfig config);

/// Throws FormatError unless the run that `path` describes had the same model and as many images as `config`.
void check_same_run(const RunConfig& config, const std::filesystem::path& path);

/// Throws FormatError, naming its file, unless the checkpoint was written by a run with the same model and images.
void check_same_run(const RunConfig& config, const train::IntactCheckpoint& checkpoint);

/// Describes the differences from the checkpoint that change the last digits of results: "threads 2, now 1". Empty when
/// there are none.
std::string changed_arithmetic(const RunConfig& config, const train::IntactCheckpoint& checkpoint);

/// Throws unless a run can be written to `settings.out`: ConfigError when it is not empty and neither --overwrite nor
/// --resume is given, or when it holds no run to overwrite; IoError when it cannot be a directory.
void check_out_directory(const RunSettings& settings);

}  // namespace glow::tools
