#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <glow/data/source.h>
#include <glow/nn/training_data.h>

#include "tools/common/flags.h"

namespace glow::tools {

/// The flags about the images that are held out from training.
struct HeldOutSettings {
  /// Number of training images to hold out; negative: the source's own split, or data::default_valid_images if it has
  /// none.
  std::int64_t valid_images = -1;
  /// The seed of the draw.
  std::optional<std::uint64_t> split_seed;
};

template <class Visitor>
void visit_fields(HeldOutSettings& settings, Visitor&& visit) {
  visit("valid_images", settings.valid_images);
  visit("split_seed", settings.split_seed);
}

/// Divides a data set into training and validation images, for training and for evaluation. `fingerprint` is that of
/// the set; `record` is the training record of the model file, which messages call `model`; `default_seed` is given in
/// training only.
///
/// - The record is of these data: the held-out images are those that the record lists. Settings that contradict it are
///   refused.
/// - The record is of other data: in training the settings decide; in evaluation this is an error, because no image is
///   known to be held out.
/// - There is no record: the settings decide; without a seed, the validation images are those of the set.
///
/// Throws ConfigError of valid_images or split_seed, and of `split` when the held-out images are unknown.
data::DataSet divide(data::DataSet set, const std::string& fingerprint, const HeldOutSettings& settings,
                     const std::optional<nn::TrainingData>& record, const std::string& model,
                     std::optional<std::uint64_t> default_seed = std::nullopt);

}  // namespace glow::tools
