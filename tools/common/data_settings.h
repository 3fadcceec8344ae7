#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/enum_names.h>
#include <glow/images/source.h>
#include <glow/nn/glow.h>
#include <glow/nn/training_data.h>

#include "tools/common/console.h"
#include "tools/common/flags.h"
#include "tools/common/processes.h"
#include "tools/common/source_settings.h"

namespace glow::tools {

/// The flags about the images that are held out from training.
struct HeldOutSettings {
  /// Number of training images to hold out; negative: the source's own split, or data::default_valid_images if it has
  /// none.
  std::int64_t valid_images = -1;
  /// The seed by which the held-out images are chosen; nullopt: not given.
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
/// Throws ConfigError naming valid_images or split_seed, and naming `split` when the held-out images are unknown.
images::DataSet divide(images::DataSet set, const std::string& fingerprint, const HeldOutSettings& settings,
                       const std::optional<nn::TrainingData>& record, const std::string& model,
                       std::optional<std::uint64_t> default_seed = std::nullopt);

/// The labels that a tool needs with the images.
enum class Labels {
  kUnused,
  /// The classes of a conditional model, if the data have them.
  kIfKnown,
  /// The same, but data without these classes throw ConfigError naming `field`.
  kRequired,
  /// The data's own classes, independent of the model; a folder without classes throws FormatError.
  kOfData,
};

/// The options with which the processes of a tool open a data set together: they share the reading of headers, and
/// `status` shows how much of it this process has done. Both arguments must outlive the result.
images::OpenOptions shared_opening(const Processes& processes, StatusLine& status);

/// Whether the classes of the data are those of the model, as far as their names are known.
bool same_classes(const images::DataSet& set, const nn::Glow& model);

/// How images are resized to a model's size; if neither field is given, as in the model's training.
struct GeometrySettings {
  std::optional<int> resize;
  bool random_crop = false;
};

template <class Visitor>
void visit_fields(GeometrySettings& settings, Visitor&& visit) {
  visit("resize", settings.resize);
  visit("random_crop", settings.random_crop);
}

/// Which images are read for a model, and how they are brought to its size.
struct ReadingSettings {
  SourceSettings source;
  GeometrySettings geometry;
};

template <class Visitor>
void visit_fields(ReadingSettings& settings, Visitor&& visit) {
  visit_fields(settings.source, visit);
  visit_fields(settings.geometry, visit);
}

/// The rows of ReadingSettings.
std::vector<FlagText> reading_rows(const std::string& group);

/// The options for opening images for a model: its channels, classes and size, and what its training left out. Throws
/// ConfigError naming channels.
images::OpenOptions options_for_model(const nn::Glow& model, const ReadingSettings& settings,
                                      const images::OpenOptions& how = {});

/// Opens a data set for a model. Throws as images::open_data_set, ConfigError naming `field` or a field of the
/// settings. `how`: see shared_opening.
images::DataSet open_for_model(const std::string& field, const std::string& specification, const nn::Glow& model,
                               Labels labels, const ReadingSettings& settings, const images::OpenOptions& how = {});

/// The reason why images were resized in this way to a model's size.
enum class GeometryFrom {
  /// All images already had the size.
  kImages,
  /// Flags decided it.
  kFlags,
  /// The model's training record decided it.
  kModel,
  /// The default, because the model file has no training record.
  kDefault,
};

/// "images", "flags", "model", "default"
constexpr EnumNames<GeometryFrom, 4> enum_names(GeometryFrom) {
  return {"geometry",
          {{{"images", GeometryFrom::kImages},
            {"flags", GeometryFrom::kFlags},
            {"model", GeometryFrom::kModel},
            {"default", GeometryFrom::kDefault}}}};
}

/// Images at a model's size, and how they were resized to it.
struct FittedImages {
  std::shared_ptr<const data::Images> images;
  GeometryFrom from = GeometryFrom::kImages;
  /// Whether smaller images were padded with black.
  bool framed = false;

  /// "shorter side scaled to 96, centre 64x64, as in the training"
  std::string geometry_text() const;
};

/// The images of a source, which messages call `name`. Throws ConfigError naming `field` when their number of channels
/// is not the model's or they are too small, and naming `resize` when it was given and does not fit.
FittedImages fitted(const std::string& field, const std::string& name,
                    const std::shared_ptr<const images::ImageSource>& source, const nn::Glow& model,
                    const GeometrySettings& settings);

/// The images to train on, and how they are brought to one size.
struct DataSettings {
  /// A specification for images::open_data_set, as given.
  std::string data;
  /// The same with the place where the data are, if this process finds a relative path of `data` in another directory
  /// than the process that it was given to; otherwise empty.
  std::string found_data;
  /// 0x0: the common size of all images of the source.
  ImageSize image_size;
  /// Its height and width are those of image_size.
  data::Geometry geometry;
  /// Whether the model is class-conditional.
  bool conditional = false;
  HeldOutSettings held_out;
  SourceSettings source;
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
  visit_fields(settings.source, visit);
}

/// The splits of a data set as images of one size. `test` is null where the source has no such split.
struct ImageSplits {
  std::shared_ptr<const data::Images> train, valid, test;
  /// Empty without classes.
  std::vector<std::string> class_names;
  SourceNotes notes;
  /// For train::RunData.
  nn::TrainingData record;
  /// Whether the held-out images may be among those that the model to start from was trained on.
  bool may_be_known = false;
};

/// Opens the data, sets `settings.image_size` and `settings.geometry`, and holds out validation images. `before` is the
/// training record of `before_file`, the model file to start from, or nullopt. When it describes the same data, the
/// images that it lists as held out are used and written to the settings; otherwise the held-out images are drawn by
/// `seed`. `how`: see shared_opening. Throws ConfigError naming the field that does not fit the data;
/// IoError, FormatError.
ImageSplits open_images(DataSettings& settings, std::uint64_t seed, const std::optional<nn::TrainingData>& before,
                        const std::string& before_file, const images::OpenOptions& how = {});

}  // namespace glow::tools
