#include "tools/train/train_settings.h"

#include <glow/error.h>
#include <glow/nn/model_file.h>
#include <glow/train/run_directory.h>
#include <glow/train/schedule.h>

#include "tools/common/presets.h"
#include "tools/train/run_config.h"

namespace glow::tools {
namespace {

/// The flags of the preset that apply to the family and are not on the command line.
GivenFlags preset_layer(const GivenFlags& given, const TrainSettings& settings, const Flags& flags) {
  GivenFlags layer;
  if (settings.run.preset.empty()) return layer;
  for (const auto& flag : preset_flags(settings.run.preset)) {
    const bool other_length = flag.name == "steps" && find(given, "epochs");
    const bool other_family = !nn::has_field(settings.model.family, flags.at(flag.name).text.field);
    if (!find(given, flag.name) && !other_length && !other_family) layer.push_back(flag);
  }
  return layer;
}

void refuse_together(const GivenFlags& given, const char* one, const char* other) {
  if (find(given, one) && find(given, other)) {
    throw ConfigError("--" + std::string(one) + " and --" + other + " contradict each other");
  }
}

/// Earlier versions chose smaller automatic decays for large batches; a resumed run keeps its decays.
void keep_decays(train::TrainOptions& training, const Json& resolved) {
  const auto chosen = [&](const char* key) {
    const auto value = resolved.value(key, Json());
    return value.is_number() ? value.get<double>() : train::Schedule::kSmallestDecay;
  };
  const auto beta2 = chosen("beta2"), ema_decay = chosen("ema_decay");
  if (training.beta2 == 0 && beta2 < train::Schedule::kSmallestDecay) {
    // The flag cannot express a decay of 0: its value 0 means "automatic".
    if (beta2 <= 0)
      throw ConfigError("beta2: the run had 0, which this version does not choose; --init-from starts anew");
    training.beta2 = beta2;
  }
  if (training.ema_decay < 0 && ema_decay < train::Schedule::kSmallestDecay) training.ema_decay = ema_decay;
}

void restore(TrainSettings& settings, const Flags& flags, const std::filesystem::path& config) {
  try {
    const auto before = read_run_config(config);
    flags.restore(before.options);
    keep_decays(settings.training, before.resolved);
  } catch (const ConfigError& error) {
    throw FormatError(config, error.what());
  }
}

/// Applies the settings of the run of --resume or of the model of --init-from. Returns the path of its file; empty when
/// neither is given.
std::string earlier_layer(TrainSettings& settings, const Flags& flags) {
  if (settings.run.resume) {
    const auto config = train::RunDirectory(settings.run.out).config();
    restore(settings, flags, config);
    return config.string();
  }
  if (settings.run.init_from.empty()) return "";
  settings.model = nn::read_model_info(settings.run.init_from).options;
  settings.data.image_size = {settings.model.height, settings.model.width};
  settings.data.conditional = settings.model.num_classes > 0;
  return settings.run.init_from;
}

}  // namespace

void resolve_settings(TrainSettings& settings, const Flags& flags, const GivenFlags& given) {
  refuse_together(given, "steps", "epochs");
  refuse_together(given, "overwrite", "resume");
  auto wanted = preset_layer(given, settings, flags);
  wanted.insert(wanted.end(), given.begin(), given.end());
  if (settings.run.out.empty() && !settings.run.dry_run) {
    throw ConfigError("out", "expected a directory, none is given");
  }

  // Each of these layers overrides the one before.
  settings.model = nn::GlowOptions::of_family(settings.model.family);
  flags.set(wanted);
  const auto earlier = earlier_layer(settings, flags);
  if (!earlier.empty()) flags.set_agreeing(wanted, earlier);

  if (find(wanted, "epochs") && !find(wanted, "steps")) settings.training.steps = 0;
  settings.training.validate();
}

}  // namespace glow::tools
