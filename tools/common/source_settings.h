#pragma once

#include <optional>
#include <string>
#include <vector>

#include <glow/enum_names.h>
#include <glow/images/source.h>
#include <glow/nn/training_data.h>

#include "tools/common/console.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// How the folders of a data set are understood.
enum class SplitFolders {
  /// Those named after splits are splits.
  kAuto,
  /// All images are one set.
  kNone,
};

/// "auto", "none"
constexpr EnumNames<SplitFolders, 2> enum_names(SplitFolders) {
  return {"split folders", {{{"auto", SplitFolders::kAuto}, {"none", SplitFolders::kNone}}}};
}

/// The channels of image files.
enum class Channels {
  /// Grey if all training images are grey or the model is; then images in colour are errors.
  kAuto,
  /// Colour is converted to grey.
  kGrey,
  kRgb,
};

/// "auto", "grey", "rgb"
constexpr EnumNames<Channels, 3> enum_names(Channels) {
  return {"channels", {{{"auto", Channels::kAuto}, {"grey", Channels::kGrey}, {"rgb", Channels::kRgb}}}};
}

/// Which images of a data set of files are read, and how. Evaluations also do what the model's training did.
struct SourceSettings {
  SplitFolders splits = SplitFolders::kAuto;
  Channels channels = Channels::kAuto;
  /// Leave out images that cannot be decoded, or that are too small. Otherwise they are errors.
  bool skip_corrupt = false;
  bool skip_small = false;

  bool operator==(const SourceSettings&) const = default;
};

template <class Visitor>
void visit_fields(SourceSettings& settings, Visitor&& visit) {
  visit("splits", settings.splits);
  visit("image_channels", settings.channels);  // `channels` are those of the model
  visit("skip_corrupt", settings.skip_corrupt);
  visit("skip_small", settings.skip_small);
}

/// The rows of SourceSettings.
std::vector<FlagText> source_setting_rows(const std::string& group, Kept kept = Kept::kNo);

/// The settings with what the training of a model did.
SourceSettings with_training(SourceSettings settings, const std::optional<nn::TrainingData>& record);

/// Whether the settings make sense for the kind of a specification; otherwise throws ConfigError naming a field.
void check_for_kind(const SourceSettings& settings, const std::string& specification);

/// Sets the options of the settings, and the flags that error messages name; options.channels is changed only for kGrey
/// and kRgb. `size_problem`: see images::OpenOptions.
void set_options(const SourceSettings& settings, const std::function<std::string(const io::ImageShape&)>& size_problem,
                 images::OpenOptions& options);

/// What a tool says about a data set that it has opened.
struct SourceNotes {
  SourceNotes() = default;
  explicit SourceNotes(const images::DataSet& set);

  std::string source = {};
  /// images::DataSet::layout, left_out, skipped
  std::string layout = {}, left_out = {};
  std::vector<std::string> skipped = {};

  void log(StatusLine& status) const;
};

}  // namespace glow::tools
