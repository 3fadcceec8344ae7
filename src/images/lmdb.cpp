#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <glow/error.h>
#include <glow/images/source.h>

#include "images/colour.h"
#include "images/list_folder.h"
#include "io/json_object.h"
#include "io/lmdb.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLmdbFile = "data.mdb";

/// An environment of a split.
struct LmdbPart {
  /// The category in its name, empty for another name.
  std::string category;
  /// Its folder, or its file.
  fs::path place;
};

/// The parts of the splits train, valid and test.
using LmdbSplits = std::map<std::string, std::vector<LmdbPart>>;

/// The file of an environment whose folder or file is given.
fs::path data_file(const fs::path& place) {
  std::error_code ignored;
  return fs::is_directory(place, ignored) ? place / kLmdbFile : place;
}

bool is_environment(const fs::path& place) {
  std::error_code ignored;
  return fs::exists(data_file(place), ignored);
}

/// The environments in a folder by their names: CATEGORY_train_lmdb, CATEGORY_val_lmdb, test_lmdb.
LmdbSplits find_environments(const fs::path& directory) {
  LmdbSplits splits;
  for (const std::string& name : list_folder(directory)) {
    for (const auto& [end, split] :
         {std::pair<std::string, std::string>{"_train_lmdb", "train"}, {"_val_lmdb", "valid"}}) {
      if (name.size() <= end.size() || !name.ends_with(end)) continue;
      splits[split].push_back({name.substr(0, name.size() - end.size()), directory / name});
    }
    if (name == "test_lmdb") splits["test"].push_back({"", directory / name});
  }
  if (!splits.contains("train")) {
    throw FormatError(directory, "expected the file data.mdb or folders CATEGORY_train_lmdb, has neither");
  }
  return splits;
}

/// Encoded images in LMDB environments, decoded when they are asked for.
class LmdbSource : public ImageSource {
 public:
  struct Environment {
    std::string category;
    std::unique_ptr<const io::LmdbValues> values;
    std::int64_t label = -1;
  };

  explicit LmdbSource(std::vector<Environment> environments) : environments_(std::move(environments)) {
    for (const Environment& environment : environments_) {
      ends_.push_back(size_ + static_cast<std::int64_t>(environment.values->size()));
      size_ = ends_.back();
    }
  }

  std::int64_t size() const override { return size_; }
  int channels() const override { return 3; }
  std::int64_t label(std::int64_t index) const override { return find(index).first.label; }

  io::Image image(std::int64_t index) const override {
    const auto& [environment, place] = find(index);
    return to_channels(io::decode_image(environment.values->value(place), name(index)), channels());
  }

  std::string name(std::int64_t index) const override {
    const auto& [environment, place] = find(index);
    const std::string_view key = environment.values->key(place);
    const bool printable = std::all_of(key.begin(), key.end(), [](char byte) { return byte > ' ' && byte <= '~'; });
    return environment.values->path().string() + "/" + (printable ? std::string(key) : std::to_string(place));
  }

  std::string key(std::int64_t index) const override {
    const auto& [environment, place] = find(index);
    return environment.category + "/" + std::string(environment.values->key(place)) + '\0' +
           std::to_string(environment.values->value(place).size());
  }

  std::string content(std::int64_t index) const override {
    const auto& [environment, place] = find(index);
    return std::string(environment.values->value(place));
  }

 private:
  /// The environment of an image, and its index there.
  std::pair<const Environment&, std::size_t> find(std::int64_t index) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
    const Environment& environment = environments_[static_cast<std::size_t>(end - ends_.begin())];
    return {environment, environment.values->size() - static_cast<std::size_t>(*end - index)};
  }

  std::vector<Environment> environments_;
  /// For each environment, the number of images up to its end.
  std::vector<std::int64_t> ends_;
  std::int64_t size_ = 0;
};

/// The categories, which must be UTF-8 because they become the names of classes, in bytewise order.
std::vector<std::string> categories_of(const std::vector<LmdbPart>& parts) {
  std::set<std::string> categories;
  for (const LmdbPart& part : parts) {
    if (!io::is_utf8(part.category)) {
      throw FormatError(part.place, "expected the name of a category in UTF-8, is not");
    }
    categories.insert(part.category);
  }
  return {categories.begin(), categories.end()};
}

/// `class_names` is null when the images have no classes.
std::shared_ptr<const ImageSource> open_environments(const std::vector<LmdbPart>& parts,
                                                     const std::vector<std::string>* class_names) {
  std::vector<LmdbSource::Environment> environments;
  for (const LmdbPart& part : parts) {
    std::int64_t label = -1;
    if (class_names != nullptr && !part.category.empty()) {
      const auto place = std::find(class_names->begin(), class_names->end(), part.category);
      if (place == class_names->end()) {
        throw FormatError(part.place,
                          "expected a category of the classes, is none of the " + std::to_string(class_names->size()));
      }
      label = place - class_names->begin();
    }
    environments.push_back({part.category, std::make_unique<const io::LmdbValues>(data_file(part.place)), label});
  }
  return std::make_shared<LmdbSource>(std::move(environments));
}

DataSet open_lmdb_set(const fs::path& directory, const OpenOptions& options) {
  LmdbSplits splits;
  const bool has_categories = !is_environment(directory);
  if (has_categories) {
    splits = find_environments(directory);
  } else {
    splits["train"].push_back({"", directory});
    if (options.with_labels) {
      throw FormatError(directory,
                        "expected a folder of folders CATEGORY_train_lmdb, which are the classes, is one environment");
    }
  }
  DataSet set;
  if (options.with_labels) {
    set.class_names = options.class_names.empty() ? categories_of(splits.at("train")) : options.class_names;
  }
  for (const auto& [name, parts] : splits) {
    auto& split = name == "train" ? set.train : name == "test" ? set.test : set.valid;
    split = open_environments(parts, options.with_labels ? &set.class_names : nullptr);
  }
  return set;
}

}  // namespace

SourceKind lmdb_kind() {
  return {.name = "lmdb", .usage = "lmdb:PATH", .description = "LSUN's LMDB environments", .open = open_lmdb_set};
}

}  // namespace glow::images
