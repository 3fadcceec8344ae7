#include "tools/common/held_out.h"

#include <utility>

#include <glow/data/split.h>
#include <glow/error.h>

namespace glow::tools {
namespace {

void require_agreement(const HeldOutSettings& settings, const nn::TrainingData& record, const std::string& model) {
  const auto refuse = [&](const char* field, const std::string& given) {
    const auto drawn = std::to_string(record.held_out) + " images drawn by seed " + std::to_string(record.split_seed);
    throw ConfigError(field, "got " + given + ", but the training of " + model + " held out " +
                                 (record.held_out > 0 ? drawn : "the validation images that come with the data") +
                                 "; without the flag these are held out");
  };
  if (settings.valid_images >= 0 && settings.valid_images != record.held_out) {
    refuse("valid_images", std::to_string(settings.valid_images));
  }
  if (settings.split_seed && (record.held_out == 0 || *settings.split_seed != record.split_seed)) {
    refuse("split_seed", std::to_string(*settings.split_seed));
  }
}

}  // namespace

data::DataSet divide(data::DataSet set, const std::string& fingerprint, const HeldOutSettings& settings,
                     const std::optional<nn::TrainingData>& record, const std::string& model,
                     std::optional<std::uint64_t> default_seed) {
  if (record && record->fingerprint == fingerprint) {
    require_agreement(settings, *record, model);
    if (record->held_out == 0) return set;
    return data::hold_out_validation(std::move(set), record->held_out, record->split_seed);
  }
  const std::string unknown = "it is not known which images of " + set.name + " were held out: " + model;
  if (record && !default_seed) {
    throw ConfigError("split", unknown + " was trained on other images, those of " + record->source +
                                   " (--split all scores all of them)");
  }
  const auto seed = settings.split_seed ? settings.split_seed : default_seed;
  if (seed) return data::hold_out_validation(std::move(set), settings.valid_images, *seed);
  if (set.valid && settings.valid_images < 0) return set;
  throw ConfigError("split", unknown +
                                 " does not say (--split all scores all of them; --split-seed S holds out those that "
                                 "glow-train --seed S did)");
}

}  // namespace glow::tools
