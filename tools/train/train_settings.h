#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/nn/glow.h>
#include <glow/nn/options.h>
#include <glow/train/options.h>

#include "tools/common/compute.h"
#include "tools/common/data_settings.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// Options of one call of glow-train and its directory, not of the training.
struct RunSettings {
  std::string out;
  bool overwrite = false;
  bool resume = false;
  /// With resume: whether the content of the images may have changed.
  bool accept_data = false;
  std::string preset;
  /// A model file to start from.
  std::string init_from;
  bool dry_run = false;
  /// Steps that a dry run measures, after one to warm up.
  std::int64_t dry_run_steps = 2;
  bool quiet = false;
};

template <class Visitor>
void visit_fields(RunSettings& settings, Visitor&& visit) {
  visit("out", settings.out);
  visit("overwrite", settings.overwrite);
  visit("resume", settings.resume);
  visit("accept_data", settings.accept_data);
  visit("preset", settings.preset);
  visit("init_from", settings.init_from);
  visit("dry_run", settings.dry_run);
  visit("dry_run_steps", settings.dry_run_steps);
  visit("quiet", settings.quiet);
}

/// The values of glow-train's flags.
struct TrainSettings {
  DataSettings data;
  RunSettings run;
  /// Channels, height, width and number of classes come from the data.
  nn::GlowOptions model;
  train::TrainOptions training;
  ComputeSettings compute;
};

template <class Visitor>
void visit_fields(TrainSettings& settings, Visitor&& visit) {
  visit_fields(settings.data, visit);
  visit_fields(settings.run, visit);
  visit_fields(settings.model, visit);
  visit_fields(settings.training, visit);
  visit_fields(settings.compute, visit);
}

/// Rows for the fields of TrainSettings.
const std::vector<FlagText>& train_flag_table();

/// Completes `settings`, which `flags` are connected to and which contain the values of the `given` flags. The values
/// come from these layers, each of which overrides those before it:
/// 1. the family's defaults;
/// 2. the preset, then the given flags;
/// 3. the config.json of --resume or the model of --init-from;
/// 4. the flags of layer 2 again, if they may change the values of layer 3.
/// Throws ConfigError for a flag that is missing, or that contradicts another flag or layer 3; IoError and FormatError
/// when a file cannot be read.
void resolve_settings(TrainSettings& settings, const Flags& flags, GivenFlags given);

/// The error about a flag that names the preset if that, and not the command line, has set the flag.
ConfigError with_origin(const ConfigError& error, const std::string& preset, const GivenFlags& given);

/// Sets the fields of `settings` that depend on the images: the shape of the model, and the automatic lengths of the
/// training (train::with_lengths). Throws ConfigError naming the field when the model is invalid, or when the model of
/// --init-from does not fit the images.
void fit_to_images(TrainSettings& settings, const ImageSplits& images);

/// The model that training starts from. Throws IoError, FormatError (--init-from).
nn::Glow make_model(const TrainSettings& settings, const ImageSplits& images, const Compute& compute);

}  // namespace glow::tools
