#include "tools/common/data_settings.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/io/file.h>

#include "tools/common/files.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

void require_agreement(const HeldOutSettings& settings, const nn::TrainingData& record, const std::string& model) {
  const auto refuse = [&](const char* field, const std::string& given) {
    const auto drawn = std::to_string(record.held_out) + " images drawn by seed " + std::to_string(record.split_seed);
    throw ConfigError(field, "got " + given + ", but the training of " + model + " held out " +
                                 (record.held_out > 0 ? drawn : "the validation images that come with the data") +
                                 "; omit the flag to hold out the same");
  };
  if (settings.valid_images >= 0 && settings.valid_images != record.held_out) {
    refuse("valid_images", std::to_string(settings.valid_images));
  }
  if (settings.split_seed && (record.held_out == 0 || *settings.split_seed != record.split_seed)) {
    refuse("split_seed", std::to_string(*settings.split_seed));
  }
}

}  // namespace

images::DataSet divide(images::DataSet set, const std::string& fingerprint, const HeldOutSettings& settings,
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

namespace {

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

bool all_have_size(const images::ImageSource& source, const nn::GlowOptions& model) {
  const auto has_size = [&](const io::ImageShape& shape) {
    return shape.height == model.height && shape.width == model.width;
  };
  if (const auto shape = source.common_shape()) return has_size(*shape);
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const auto shape = source.shape(i);
    if (!shape || !has_size(*shape)) return false;
  }
  return true;
}

bool is_framed(const images::ImageSource& source, const data::Geometry& geometry) {
  const auto shape = source.common_shape();
  return source.is_on_black() && shape && geometry.resize == 0 && shape->height <= geometry.height &&
         shape->width <= geometry.width;
}

/// The geometry for images that do not have the model's size, and the reason for it.
std::pair<data::Geometry, GeometryFrom> geometry_for(const nn::Glow& model, const GeometrySettings& settings) {
  data::Geometry geometry{.height = static_cast<int>(model->options().height),
                          .width = static_cast<int>(model->options().width)};
  if (settings.resize || settings.random_crop) {
    geometry.resize = settings.resize.value_or(0);
    geometry.random_crop = settings.random_crop;
    return {geometry, GeometryFrom::kFlags};
  }
  const auto& record = model->training_data();
  if (!record) return {geometry, GeometryFrom::kDefault};
  geometry.resize = static_cast<int>(record->resize);
  geometry.random_crop = record->random_crop;
  return {geometry, GeometryFrom::kModel};
}

/// A geometry, and FittedImages::from.
std::pair<data::Geometry, GeometryFrom> choose_geometry(const images::ImageSource& source, const nn::Glow& model,
                                                        const GeometrySettings& settings) {
  const auto chosen = geometry_for(model, settings);
  // Images that already have the model's size, for example its samples, are not resized as its training images were.
  if (chosen.second == GeometryFrom::kFlags || !all_have_size(source, model->options())) return chosen;
  return {{.height = chosen.first.height, .width = chosen.first.width}, GeometryFrom::kImages};
}

}  // namespace

images::OpenOptions shared_opening(const Processes& processes, StatusLine& status) {
  images::OpenOptions options;
  options.progress = [&status](const std::string& what, std::int64_t done, std::int64_t total) {
    status.show(bar(static_cast<double>(done) / static_cast<double>(total)) + " " + grouped(done) + "/" +
                grouped(total) + " " + what);
  };
  options.shard = processes.communicator()->shard();
  options.all_gather = [&processes](const std::string& text) { return processes.communicator()->gather(text); };
  return options;
}

images::OpenOptions options_for_model(const nn::Glow& model, const ReadingSettings& settings,
                                      const images::OpenOptions& how) {
  const nn::GlowOptions& of_model = model->options();
  const SourceSettings source = with_training(settings.source, model->training_data());
  images::OpenOptions options = how;
  options.channels = static_cast<int>(of_model.channels);
  options.image_size = static_cast<int>(of_model.height);
  options.class_names = model->class_names();
  const auto geometry = geometry_for(model, settings.geometry).first;
  set_options(
      source,
      [=, height = of_model.height, width = of_model.width](const io::ImageShape& shape) {
        return shape.height == height && shape.width == width ? "" : geometry.size_problem(shape);
      },
      options);
  if (options.channels != of_model.channels) {
    throw ConfigError("image_channels", "got " + to_string(source.channels) + ", and the images of the model have " +
                                            count_text(of_model.channels, "channel"));
  }
  return options;
}

images::DataSet open_for_model(const std::string& field, const std::string& specification, const nn::Glow& model,
                               Labels labels, const ReadingSettings& settings, const images::OpenOptions& how) {
  const auto* kind = images::parse_specification(specification).kind;
  const bool wants_labels = model->options().num_classes > 0 && labels != Labels::kUnused;
  check_for_kind(settings.source, specification);
  images::OpenOptions options = options_for_model(model, settings, how);
  options.with_labels = wants_labels || labels == Labels::kOfData;
  // A flag is refused for other kinds, but a model may have been trained on files.
  const bool has_files = kind != nullptr && kind->has_image_files;
  options.skip_corrupt = settings.source.skip_corrupt || (options.skip_corrupt && has_files);
  options.field = field;
  if (labels == Labels::kOfData) options.class_names.clear();
  if (!options.with_labels || labels == Labels::kOfData) return images::open_data_set(specification, options);
  std::string problem;
  try {
    auto set = images::open_data_set(specification, options);
    if (same_classes(set, model)) return set;
  } catch (const FormatError& error) {
    // A folder may have images outside the folders of its classes. Any other error occurs again below.
    problem = error.what();
  }
  options.with_labels = false;
  auto set = images::open_data_set(specification, options);
  if (labels == Labels::kIfKnown) return set;
  if (problem.empty()) problem = specification + (set.class_names.empty() ? " has no classes" : " has other classes");
  throw ConfigError(field, problem + ", and the model is conditional (--classes marginal needs none)");
}

bool same_classes(const images::DataSet& set, const nn::Glow& model) {
  const auto& names = model->class_names();
  const auto count = static_cast<std::int64_t>(set.class_names.size());
  return count > 0 && count == model->options().num_classes && (names.empty() || names == set.class_names);
}

std::vector<FlagText> reading_rows(const std::string& group) {
  const std::vector<FlagText> rows{
      {"resize", group, "R|fit",
       "scale the shorter side to R pixels, then crop the centre; fit: scale the largest centre part down; if neither "
       "this nor --random-crop is given: as in the training",
       Kept::kNo, "", number_word("fit", 0), old_name("fit", "fit")},
      {"random_crop", group, "", "crop the centre without scaling, as in the evaluations of glow-train --random-crop"},
  };
  return rows + source_setting_rows(group);
}

std::string FittedImages::geometry_text() const {
  const auto& geometry = images->geometry();
  const auto size = size_text(geometry.height, geometry.width);
  if (from == GeometryFrom::kImages) return size + ", as they are";
  if (framed) return size + ", centred on black";
  const auto whose = from == GeometryFrom::kModel   ? ", as in the training"
                     : from == GeometryFrom::kFlags ? ", as the flags say"
                                                    : " (the model file does not say how it was in the training)";
  if (geometry.resize > 0) {
    return "shorter side scaled to " + std::to_string(geometry.resize) + ", centre " + size + whose;
  }
  return (geometry.random_crop ? "centre " + size + ", not scaled" : "as much as fits, scaled to " + size) + whose;
}

namespace {

/// Whether --skip-small applies to a data set, or to the path of images; not for an empty text.
bool has_image_files(const std::string& given) {
  if (given.empty()) return false;
  const auto* kind = images::parse_specification(given).kind;
  if (kind != nullptr && !is_there(given)) return kind->has_image_files;
  return io::lower_extension(given) != ".npy";
}

/// Runs `check`. A ConfigError about sizes also says how to leave out small images, if `given` has files of images.
template <class Check>
auto advise_on_sizes(const std::string& given, Check&& check) {
  try {
    return check();
  } catch (const ConfigError& error) {
    const bool is_size = error.field() == "image_size" || error.field() == "resize";
    if (!is_size || !has_image_files(given)) throw;
    throw ConfigError(error.field(), with_remark(std::string(error.text()), "--skip-small leaves out small images"));
  }
}

}  // namespace

FittedImages fitted(const std::string& field, const std::string& name,
                    const std::shared_ptr<const images::ImageSource>& source, const nn::Glow& model,
                    const GeometrySettings& settings) {
  const auto channels = model->options().channels;
  if (source->channels() != channels) {
    const bool has_alpha = source->channels() == 4 && channels == 3;
    throw ConfigError(field, "the images of " + name + " have " + count_text(source->channels(), "channel") +
                                 ", the model's " + std::to_string(channels) +
                                 (has_alpha ? " (without alpha: save arr[..., :3])" : ""));
  }
  const auto [geometry, from] = choose_geometry(*source, model, settings);
  try {
    // If there is only one, none would be left.
    const auto given = source->size() > 1 ? name : std::string();
    const auto images = advise_on_sizes(
        given, [&, &geometry = geometry] { return std::make_shared<const data::Images>(source, geometry); });
    return {images, from, is_framed(*source, geometry)};
  } catch (const ConfigError& error) {
    // The size comes from the model, and resize may come from its record: the user gave no flag for them.
    if (error.field() == "image_size") throw ConfigError(field, error.text());
    if (error.field() != "resize" || from != GeometryFrom::kModel) throw;
    throw ConfigError(
        field, "the training's resize of " + std::string(error.text()) + " (--resize fit takes as much as fits)");
  }
}

namespace {

ImageSize common_size(const images::DataSet& set) {
  const auto shape = set.train->common_shape();
  if (!shape) throw ConfigError("image_size", "not given, and the images of " + set.name + " may differ in size");
  return {shape->height, shape->width};
}

images::DataSet open_undivided(const DataSettings& settings, images::OpenOptions options) {
  options.with_labels = settings.conditional;
  check_for_kind(settings.source, settings.data);
  auto geometry = settings.geometry;
  geometry.height = static_cast<int>(settings.image_size.height);
  geometry.width = static_cast<int>(settings.image_size.width);
  set_options(
      settings.source, [geometry](const io::ImageShape& shape) { return geometry.size_problem(shape); }, options);
  options.image_size = static_cast<int>(settings.image_size.height);
  options.field = "data";
  auto set = images::open_data_set(settings.found_data.empty() ? settings.data : settings.found_data, options);
  set.name = settings.data;
  return set;
}

/// The training record of the images, without held_out and split_seed.
nn::TrainingData record_of(const images::DataSet& set, const DataSettings& settings) {
  return {.source = set.name,
          .images = set.train->size(),
          .fingerprint = images::fingerprint(set),
          .skip_corrupt = settings.source.skip_corrupt,
          .skip_small = settings.source.skip_small,
          .find_splits = settings.source.splits == SplitFolders::kAuto,
          .to_grey = settings.source.channels == Channels::kGrey};
}

}  // namespace

ImageSplits open_images(DataSettings& settings, std::uint64_t seed, const std::optional<nn::TrainingData>& before,
                        const std::string& before_file, const images::OpenOptions& how) {
  require_given("data", settings.data, "a data set");
  auto set = open_undivided(settings, how);
  if (settings.conditional && set.class_names.empty()) {
    if (before_file.empty()) throw ConfigError("conditional", set.name + " has no classes");
    throw ConfigError("init_from", before_file + " is a conditional model, and " + set.name + " has no classes");
  }
  auto record = record_of(set, settings);
  SourceNotes notes(set);
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
  advise_on_sizes(set.name, [&] { data::require_sizes({set.train, set.valid, set.test}, settings.geometry); });
  const auto images = [&](const std::shared_ptr<const images::ImageSource>& source) {
    return source ? std::make_shared<const data::Images>(source, settings.geometry) : nullptr;
  };
  return {.train = images(set.train),
          .valid = images(set.valid),
          .test = images(set.test),
          .class_names = settings.conditional ? set.class_names : std::vector<std::string>{},
          .notes = std::move(notes),
          .record = std::move(record),
          .may_be_known = may_be_known};
}

}  // namespace glow::tools
