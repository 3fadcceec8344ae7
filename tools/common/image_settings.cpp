#include "tools/common/image_settings.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/shard.h>

#include "tools/common/files.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

using Source = std::shared_ptr<const images::ImageSource>;

std::int64_t size_of(const Source& source) { return source ? source->size() : 0; }

}  // namespace

Subset::Subset(const images::DataSet& set)
    : Subset(size_of(set.train) + size_of(set.valid) + size_of(set.test) + std::ssize(set.skipped)) {
  narrow(given_ - std::ssize(set.skipped),
         "those that can be used (" + grouped(std::ssize(set.skipped)) + " left out)");
}

void Subset::narrow(std::int64_t count, const std::string& which) {
  if (count == used_) return;
  used_ = count;
  which_ = which + (which_.empty() ? "" : " of " + which_);
}

std::string Subset::text() const {
  if (is_all()) return count_text(given_, "image");
  return grouped(used_) + " of " + count_text(given_, "image") + ", " + which_;
}

Source first_images(Source source, std::int64_t count, Subset& subset) {
  if (count == 0 || count >= source->size()) return source;
  subset.narrow(count, "the first " + grouped(count) + " (--count)");
  return std::make_shared<const data::SubsetSource>(std::move(source), index_range(0, count));
}

FlagText images_row(const std::string& group) {
  return {"images", group, "IMAGES",
          "FILE.npy (uint8 [N,H,W,C] or [N,H,W]), a folder or an archive with all images in it, image files, or a data "
          "set as in glow-train --data, of which the test images are used, if it has any"};
}

namespace {

/// The concatenation of two sources of one data set.
class JoinedSource : public images::ImageSource {
 public:
  JoinedSource(Source first, Source second) : first_(std::move(first)), second_(std::move(second)) {}

  std::int64_t size() const override { return first_->size() + second_->size(); }
  int channels() const override { return first_->channels(); }
  std::optional<io::ImageShape> common_shape() const override { return first_->common_shape(); }
  bool is_on_black() const override { return first_->is_on_black(); }
  std::optional<io::ImageShape> shape(std::int64_t index) const override { return source(index).shape(place(index)); }
  io::Image image(std::int64_t index) const override { return source(index).image(place(index)); }
  io::Image reduced_image(std::int64_t index, int reduction) const override {
    return source(index).reduced_image(place(index), reduction);
  }
  std::int64_t label(std::int64_t index) const override { return source(index).label(place(index)); }
  std::string name(std::int64_t index) const override { return source(index).name(place(index)); }
  std::string key(std::int64_t index) const override { return source(index).key(place(index)); }
  std::string content(std::int64_t index) const override { return source(index).content(place(index)); }

 private:
  const images::ImageSource& source(std::int64_t index) const { return index < first_->size() ? *first_ : *second_; }
  std::int64_t place(std::int64_t index) const { return index < first_->size() ? index : index - first_->size(); }

  Source first_, second_;
};

/// A name of neither a file nor a data set was probably meant to be one of the latter.
void refuse_unknown_name(const std::string& field, const std::string& text) {
  if (text.empty()) throw ConfigError(field, "expected images, got an empty name");
  if (text.find_first_of("/.") != std::string::npos || is_there(text)) return;
  std::string kinds;
  for (const auto& kind : images::source_kinds()) kinds += (kinds.empty() ? "" : ", ") + kind.usage;
  throw ConfigError(field, "there is no file or folder \"" + text + "\", and no data set of this name: " + kinds);
}

/// Throws ConfigError if an image has no class, which scores under the images' own classes need.
void require_classes(const std::string& field, const std::string& name, const images::ImageSource& source,
                     const std::vector<std::int64_t>& labels) {
  const auto without = std::ranges::find_if(labels, [](std::int64_t label) { return label < 0; });
  if (without == labels.end()) return;
  const bool have_none = std::ranges::all_of(labels, [](std::int64_t label) { return label < 0; });
  const auto problem =
      have_none ? name + " has no folders that are named after classes of the model"
                : source.name(without - labels.begin()) + " lies in no folder that is named after a class of the model";
  throw ConfigError(field, problem + ", and the model is conditional (--classes marginal needs no classes)");
}

GivenImages open_paths(const std::string& field, const std::vector<std::string>& words, const nn::Glow& model,
                       Labels labels, const ReadingSettings& settings, const images::OpenOptions& how) {
  for (const auto& word : words) refuse_unknown_name(field, word);
  const std::vector<std::filesystem::path> paths(words.begin(), words.end());
  const auto set = images::open_pictures(paths, options_for_model(model, settings, how));
  const auto own = images::all_labels(*set.train);
  if (labels == Labels::kRequired) require_classes(field, name_of(words), *set.train, own);
  return {.source = set.train,
          .labelled = std::ranges::any_of(own, [](std::int64_t label) { return label >= 0; }),
          .notes = SourceNotes(set),
          .subset = Subset(set)};
}

}  // namespace

Source images_to_learn(const images::DataSet& set) {
  if (!set.valid) return set.train;
  return std::make_shared<const JoinedSource>(set.train, set.valid);
}

std::string name_of(const std::vector<std::string>& words) {
  const auto more = std::ssize(words) - 1;
  return words.front() + (more > 0 ? " and " + grouped(more) + " more" : "");
}

GivenImages open_given_images(const std::string& field, const std::vector<std::string>& words, const nn::Glow& model,
                              Labels labels, const ReadingSettings& settings, const images::OpenOptions& how) {
  const auto& text = words.front();
  if (words.size() > 1 || is_there(text) || images::parse_specification(text).kind == nullptr) {
    return open_paths(field, words, model, labels, settings, how);
  }
  const auto set = open_for_model(field, text, model, labels, settings, how);
  GivenImages given{.source = set.test ? set.test : images_to_learn(set),
                    .are_test = set.test != nullptr,
                    .labelled = labels != Labels::kUnused && same_classes(set, model),
                    .notes = SourceNotes(set),
                    .subset = Subset(set)};
  given.subset.narrow(given.source->size(), "the test images");
  return given;
}

}  // namespace glow::tools
