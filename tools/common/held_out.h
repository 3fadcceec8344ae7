#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <glow/data/source.h>
#include <glow/nn/training_data.h>

#include "tools/common/flags.h"

namespace glow::tools {

/// Which images are held out from training, as flags say.
struct HeldOutSettings {
  /// How many of the training images; negative: the source's own split, else data::default_valid_images.
  std::int64_t valid_images = -1;
  /// By which they are drawn.
  std::optional<std::uint64_t> split_seed;
};

template <class Visitor>
void visit_fields(HeldOutSettings& settings, Visitor&& visit) {
  visit("valid_images", settings.valid_images);
  visit("split_seed", settings.split_seed);
}

/// The one rule by which a data set is divided, in training and in evaluation: what was held out from a model is held
/// out again. `fingerprint`: of the set. `record`: of the model, from the file that messages call `model`; it counts
/// when the fingerprint is its own, and flags that contradict it are refused. In training (with a `default_seed`), and
/// for a model without a record, the settings count else; without a seed it is the set's own split.
///
/// Throws ConfigError naming valid_images or split_seed, and `split` when there is no way to know the held-out images.
data::DataSet divide(data::DataSet set, const std::string& fingerprint, const HeldOutSettings& settings,
                     const std::optional<nn::TrainingData>& record, const std::string& model,
                     std::optional<std::uint64_t> default_seed = std::nullopt);

}  // namespace glow::tools
