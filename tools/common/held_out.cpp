#include "tools/common/held_out.h"

#include <utility>

#include <glow/data/split.h>
#include <glow/error.h>

namespace glow::tools {
namespace {

void require_agreement(const HeldOutSettings& settings, const nn::TrainingData& record, const std::string& model) {
  const auto refuse = [&](const char* field, const std::string& given) {
    const auto drawn = std::to_string(record.held_out) + " images by seed " + std::to_string(record.split_seed);
    throw ConfigError(std::string(field) + ": " + given + " contradicts " + model + ", from which " +
                      (record.held_out > 0 ? drawn + " were held out" : "the data's own validation images were"));
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
    if (record->held_out > 0) {
      return data::hold_out_validation(std::move(set), record->held_out, record->split_seed);
    }
    if (set.valid) return set;
    throw ConfigError("split: " + model + " was validated on images of their own, which " + set.name + " has no more");
  }
  const auto seed = settings.split_seed ? settings.split_seed : default_seed;
  if (seed) return data::hold_out_validation(std::move(set), settings.valid_images, *seed);
  if (set.valid && settings.valid_images < 0) return set;
  throw ConfigError("split: which images of " + set.name + " were held out is not known, for " + model +
                    (record ? " was trained on others, those of " + record->source : " does not say") +
                    " (--split all scores all of them; --split-seed S holds out those that glow-train --seed S did)");
}

}  // namespace glow::tools
