#include "tools/common/data_settings.h"

#include <utility>

#include <glow/error.h>

#include "tools/common/source_images.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

ImageSize common_size(const data::DataSet& set) {
  const auto shape = set.train->common_shape();
  if (!shape) throw ConfigError("image_size", "not given, and the images of " + set.name + " may differ in size");
  return {shape->height, shape->width};
}

using Progress = std::function<void(std::int64_t, std::int64_t)>;

data::DataSet open_undivided(const DataSettings& settings, const Progress& progress) {
  auto set = data::open_data_set(settings.data, {.with_labels = settings.conditional,
                                                 .skip_corrupt = settings.skip_corrupt,
                                                 .progress = progress,
                                                 .field = "data"});
  if (settings.conditional && set.class_names.empty()) throw ConfigError("conditional", set.name + " has no classes");
  return set;
}

/// The training record of the images, without held_out and split_seed.
nn::TrainingData record_of(const data::DataSet& set, const DataSettings& settings) {
  return {.source = set.name,
          .images = set.train->size(),
          .fingerprint = data::fingerprint(set),
          .skip_corrupt = settings.skip_corrupt};
}

}  // namespace

ImageSplits open_images(DataSettings& settings, std::uint64_t seed, const std::optional<nn::TrainingData>& before,
                        const std::string& before_file, const Progress& progress) {
  require_given("data", settings.data, "a data set");
  auto set = open_undivided(settings, progress);
  auto record = record_of(set, settings);
  auto& held_out = settings.held_out;
  set = divide(std::move(set), record.fingerprint, held_out, before, before_file, seed);
  if (!set.valid) {
    throw ConfigError("valid_images", "expected at least 1 to choose the best model by, there are 0 of the " +
                                          std::to_string(set.train->size()) + " in " + set.name);
  }
  record.held_out = record.images - set.train->size();
  const bool goes_on = before && before->fingerprint == record.fingerprint;
  const bool may_be_known = !before_file.empty() && !goes_on && (before || !held_out.split_seed);
  if (goes_on && record.held_out > 0) {
    held_out = {.valid_images = record.held_out, .split_seed = before->split_seed};
  }
  if (record.held_out > 0) record.split_seed = held_out.split_seed.value_or(seed);
  if (settings.image_size == ImageSize{}) settings.image_size = common_size(set);
  settings.geometry.height = static_cast<int>(settings.image_size.height);
  settings.geometry.width = static_cast<int>(settings.image_size.width);
  const auto images = [&](const std::shared_ptr<const data::ImageSource>& source) {
    return source ? std::make_shared<const data::Images>(source, settings.geometry) : nullptr;
  };
  return {.train = images(set.train),
          .valid = images(set.valid),
          .test = images(set.test),
          .class_names = settings.conditional ? set.class_names : std::vector<std::string>{},
          .skipped = set.skipped,
          .record = std::move(record),
          .may_be_known = may_be_known};
}

}  // namespace glow::tools
