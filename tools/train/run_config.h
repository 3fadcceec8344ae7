#pragma once

#include <filesystem>
#include <string>

#include <glow/train/checkpoint.h>

#include "tools/common/flag_values.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

/// The content of a run's config.json.
struct RunConfig {
  /// Every flag's value (Flags::kept).
  Json options;
  /// What the values that stand for "automatic" came to.
  Json resolved;
  /// The model's glow.config.
  Json model;
  /// Images in each split.
  Json images;
  /// Versions of Glow and LibTorch.
  Json versions;
  /// Words of the command line that begins the run anew in the same directory, whatever the machine's default device
  /// and number of threads: flags that are as they would be without it are left out.
  Json command;
};

RunConfig make_run_config(const TrainSettings& settings, const Flags& flags, const ImageSplits& images,
                          const Compute& compute, std::int64_t processes);

std::string to_json_text(const RunConfig& config);

/// Throws IoError, and FormatError when the file was not written by glow-train.
RunConfig read_run_config(const std::filesystem::path& path);

/// Whether it is the same command by the same program on as many images, but for where and with how many it computes.
bool is_alike(const RunConfig& one, const RunConfig& other);

/// Throws FormatError unless the run that `path` describes had the same model and as many images as `config`.
void check_same_run(const RunConfig& config, const std::filesystem::path& path);

/// Throws FormatError, naming its file, unless the checkpoint was written by a run with the same model and images.
void check_same_run(const RunConfig& config, const train::IntactCheckpoint& checkpoint);

/// What was different when the checkpoint was written and decides the last digits of what is computed: "threads 2,
/// now 1"; empty when nothing was.
std::string changed_arithmetic(const RunConfig& config, const train::IntactCheckpoint& checkpoint);

/// Throws unless a run can be written to `settings.out`: ConfigError when something is there and neither --overwrite
/// nor --resume says what to do with it, or there is nothing to overwrite; IoError when it can be no directory.
void check_out_directory(const RunSettings& settings);

}  // namespace glow::tools
