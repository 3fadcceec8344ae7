#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/data/source.h>

#include "tools/common/flags.h"
#include "tools/common/source_images.h"

namespace glow::tools {

/// The images to train on, and how they are brought to one size.
struct DataSettings {
  /// A specification for data::open_data_set.
  std::string data;
  /// 0x0: the common size of all images of the source.
  ImageSize image_size;
  /// Its height and width are those of image_size.
  data::Geometry geometry;
  /// Whether the model is class-conditional.
  bool conditional = false;
  HeldOutSettings held_out;
  /// Whether images of a folder that cannot be decoded are left out. Otherwise they are an error.
  bool skip_corrupt = false;
};

template <class Visitor>
void visit_fields(DataSettings& settings, Visitor&& visit) {
  visit("data", settings.data);
  visit("image_size", settings.image_size);
  visit("resize", settings.geometry.resize);
  visit("random_crop", settings.geometry.random_crop);
  visit("flip", settings.geometry.flip);
  visit("shift", settings.geometry.shift);
  visit("conditional", settings.conditional);
  visit_fields(settings.held_out, visit);
  visit("skip_corrupt", settings.skip_corrupt);
}

/// The splits of a data set as images of one size. `test` is null where the source has no such split.
struct ImageSplits {
  std::shared_ptr<const data::Images> train, valid, test;
  /// Empty without classes.
  std::vector<std::string> class_names;
  /// data::DataSet::skipped
  std::vector<std::string> skipped;
  /// For train::RunData.
  nn::TrainingData record;
  /// Whether the held-out images may be among those that the model to start from was trained on.
  bool may_be_known = false;
};

/// Opens the data, sets `settings.image_size` and `settings.geometry`, and holds out validation images. `before` is the
/// training record of `before_file`, the model file to start from, or nullopt. When it describes the same data, the
/// images that it lists as held out are used and written to the settings; otherwise the held-out images are drawn by
/// `seed`. `progress`: see data::OpenOptions. Throws ConfigError naming the field that does not fit the data; IoError,
/// FormatError.
ImageSplits open_images(DataSettings& settings, std::uint64_t seed, const std::optional<nn::TrainingData>& before,
                        const std::string& before_file,
                        const std::function<void(std::int64_t, std::int64_t)>& progress = nullptr);

}  // namespace glow::tools
