#include "tools/common/image_settings.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/safetensors.h>
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
  narrow(given_ - std::ssize(set.skipped), "those that can be used", grouped(std::ssize(set.skipped)) + " left out");
}

void Subset::narrow(std::int64_t count, const std::string& which, const std::string& hint) {
  if (count == used_) return;
  used_ = count;
  if (!hint.empty()) hints_ += (hints_.empty() ? "" : "; ") + hint;
  which_ = which + (which_.empty() ? "" : " of " + which_);
}

std::string Subset::text() const {
  if (is_all()) return count_text(given_, "image");
  return grouped(used_) + " of " + count_text(given_, "image") + ", " + which();
}

Source first_images(Source source, std::int64_t count, Subset& subset) {
  if (count == 0 || count >= source->size()) return source;
  subset.narrow(count, "the first " + grouped(count), "--count");
  return std::make_shared<const data::SubsetSource>(std::move(source), index_range(0, count));
}

FlagText images_row(const std::string& group) {
  return {
      "images", group, "IMAGES",
      "FILE.npy (uint8 [N,H,W,C] or [N,H,W]); image files, folders and archives, with all images in them; or a data "
      "set as in glow-train --data, of which the published test images are used, if it has any"};
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
  std::vector<std::string> kinds;
  for (const auto& kind : images::source_kinds()) kinds.push_back(kind.usage);
  throw ConfigError(field,
                    "there is no file or folder \"" + text + "\", and no data set of this name: " + joined(kinds));
}

bool is_model_file(const std::string& path) {
  if (io::lower_extension(path) != ".safetensors") return false;
  try {
    return io::SafetensorsReader(path).metadata_value("format") == "glow";
  } catch (const Error&) {
    return false;
  }
}

/// Throws ConfigError if an image has no class, which scores under the images' own classes need.
void require_classes(const std::string& field, const std::string& name, const images::ImageSource& source,
                     const std::vector<std::int64_t>& labels) {
  const auto without = std::ranges::find_if(labels, [](std::int64_t label) { return label < 0; });
  if (without == labels.end()) return;
  const bool have_none = std::ranges::all_of(labels, [](std::int64_t label) { return label < 0; });
  const auto subject = have_none && labels.size() > 1 ? "no image of " + name + " lies in a folder"
                                                      : source.name(without - labels.begin()) + " lies in no folder";
  throw ConfigError(field, subject +
                               " that is named after a class of the model, and the model is conditional (--classes "
                               "marginal needs no classes)");
}

/// The words that are of the kind folder: as paths.
std::vector<std::string> without_folder_kind(std::vector<std::string> words) {
  for (auto& word : words) {
    const auto [kind, path] = images::parse_specification(word);
    if (!is_there(word) && kind != nullptr && kind->name == "folder" && !path.empty()) word = path;
  }
  return words;
}

/// Several words can be only what open_pictures concatenates.
void check_several(const std::string& field, const std::vector<std::string>& words) {
  if (words.size() < 2) return;
  for (const auto& word : words) {
    const bool is_set = !is_there(word) && images::parse_specification(word).kind != nullptr;
    if (!is_set && io::lower_extension(word) != ".npy") continue;
    throw ConfigError(field, word + (is_set ? " is a data set" : " is an array of images") +
                                 ", which must be given alone; several words are image files, folders or archives");
  }
}

/// Opens the paths. The error of a path where a data set of another kind is says which.
images::DataSet open_pictures(const std::vector<std::string>& words, const images::OpenOptions& options) {
  try {
    return images::open_pictures(std::vector<std::filesystem::path>(words.begin(), words.end()), options);
  } catch (const FormatError& error) {
    const auto likely = words.size() == 1 ? images::likely_specification(words.front()) : "";
    const auto* kind = images::parse_specification(likely).kind;
    if (kind == nullptr || kind->name == "folder" || io::lower_extension(words.front()) == ".npy") throw;
    throw FormatError(words.front(), with_remark(std::string(error.text()), likely + " may read it"));
  }
}

GivenImages open_paths(const std::string& field, const std::vector<std::string>& words, const nn::Glow& model,
                       Labels labels, const ReadingSettings& settings, const images::OpenOptions& how) {
  check_several(field, words);
  refuse_model_files(field, words);
  for (const auto& word : words) refuse_unknown_name(field, word);
  const auto set = open_pictures(words, options_for_model(model, settings, how));
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

std::string byte_for_byte(std::int64_t bits) {
  return "byte for byte" + (bits < 8 ? " in the model's " + std::to_string(bits) + " bits" : "");
}

void refuse_model_files(const std::string& field, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (!is_model_file(word)) continue;
    throw ConfigError(field, word + " is a model file; --" + field +
                                 " takes all words after it, so put the model first, or use --model");
  }
}

GivenImages open_given_images(const std::string& field, const std::vector<std::string>& words, const nn::Glow& model,
                              Labels labels, const ReadingSettings& settings, const images::OpenOptions& how) {
  const auto paths = without_folder_kind(words);
  const auto& text = paths.front();
  const auto* kind = is_there(text) ? nullptr : images::parse_specification(text).kind;
  if (paths.size() > 1 || kind == nullptr) return open_paths(field, paths, model, labels, settings, how);
  auto reading = settings;
  if (kind->has_split_folders) reading.source.splits = SplitFolders::kNone;
  const auto set = open_for_model(field, text, model, labels, reading, how);
  GivenImages given{.source = set.test ? set.test : images_to_learn(set),
                    .are_test = set.test != nullptr,
                    .labelled = labels != Labels::kUnused && same_classes(set, model),
                    .notes = SourceNotes(set),
                    .subset = Subset(set)};
  given.subset.narrow(given.source->size(), "the test images");
  return given;
}

}  // namespace glow::tools
