#include "tools/common/source_settings.h"

#include <algorithm>
#include <utility>

#include <glow/error.h>

#include "tools/common/text.h"

namespace glow::tools {

std::vector<FlagText> source_setting_rows(const std::string& group, Kept kept) {
  return {
      {"splits", group, "auto|none",
       "auto: folders named train, valid (or val) and test, or similarly, are splits; none: all images are one set",
       kept},
      {"image_channels", group, "auto|grey|rgb",
       "of image files; grey converts colour to grey, rgb reads grey as RGB; auto: grey if all images are, however "
       "they "
       "are stored",
       kept, "channels"},
      {"skip_corrupt", group, "",
       "leave out image files that cannot be decoded; to find them, all are decoded once at the start", kept},
      {"skip_small", group, "", "leave out image files that are too small", kept},
  };
}

SourceSettings with_training(SourceSettings settings, const std::optional<nn::TrainingData>& record) {
  if (!record) return settings;
  if (!record->find_splits) settings.splits = SplitFolders::kNone;
  if (record->to_grey && settings.channels == Channels::kAuto) settings.channels = Channels::kGrey;
  settings.skip_corrupt |= record->skip_corrupt;
  settings.skip_small |= record->skip_small;
  return settings;
}

void check_for_kind(const SourceSettings& settings, const std::string& specification) {
  const auto* kind = images::parse_specification(specification).kind;
  if (kind == nullptr) return;  // opening it reports this
  const auto refuse = [&](const char* field, const std::string& what) {
    throw ConfigError(field, "is about " + what + ", and " + specification + " has none");
  };
  if (settings.splits != SplitFolders::kAuto && !kind->has_split_folders)
    refuse("splits", "folders that may be splits");
  if (kind->has_image_files) return;
  if (settings.channels != Channels::kAuto) refuse("image_channels", "image files");
  if (settings.skip_small) refuse("skip_small", "image files");
}

void set_options(const SourceSettings& settings, const std::function<std::string(const io::ImageShape&)>& size_problem,
                 images::OpenOptions& options) {
  options.find_splits = settings.splits == SplitFolders::kAuto;
  if (settings.channels != Channels::kAuto) options.channels = settings.channels == Channels::kGrey ? 1 : 3;
  options.to_grey = settings.channels == Channels::kGrey;
  options.skip_corrupt = settings.skip_corrupt;
  if (settings.skip_small) options.size_problem = size_problem;
  options.names = {.no_splits = "--splits none",
                   .skip_corrupt = "--skip-corrupt",
                   .rgb = "--channels rgb",
                   .to_grey = "--channels grey"};
}

SourceNotes::SourceNotes(const images::DataSet& set)
    : source(set.name), layout(set.layout), left_out(set.left_out), skipped(set.skipped) {}

void SourceNotes::log(StatusLine& status) const {
  constexpr std::size_t kMostSkipped = 20;
  if (!layout.empty()) status.log(one_line(source + ": " + layout));
  if (!left_out.empty()) status.log(one_line(source + ": left out " + left_out));
  for (std::size_t i = 0; i < skipped.size() && i < kMostSkipped; ++i) status.log("left out " + skipped[i]);
  if (skipped.size() > kMostSkipped) status.log("left out " + grouped(std::ssize(skipped) - kMostSkipped) + " more");
}

}  // namespace glow::tools
