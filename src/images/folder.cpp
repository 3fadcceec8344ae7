#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include <glow/images/source.h>

#include "images/image_files.h"
#include "io/errors.h"
#include "io/json_object.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The first folder of a relative path, empty for a file without a folder.
std::string top_folder(const std::string& file) {
  const std::size_t slash = file.find('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

/// The folders with the names of splits (train, valid, val, test), by name.
std::map<std::string, Folder> find_split_folders(const fs::path& directory) {
  std::map<std::string, Folder> splits;
  for (const char* name : {"train", "valid", "val", "test"})
    if (is_folder(directory / name)) splits[name].root = directory / name;
  return splits;
}

/// `files`: all images below the directory.
void check_splits(const fs::path& directory, const std::vector<std::string>& files,
                  const std::map<std::string, Folder>& splits) {
  if (!splits.contains("train"))
    throw FormatError(directory, "expected a folder train beside the folder " + splits.begin()->first + ", has none");
  if (splits.contains("valid") && splits.contains("val"))
    throw FormatError(directory, "expected one validation split, has a folder valid and a folder val");
  for (const std::string& file : files)
    if (!splits.contains(top_folder(file)))
      throw FormatError(directory / file,
                        "expected images only in the folders train, valid (or val) and test, is beside them");
}

std::map<std::string, Folder> find_splits(const fs::path& directory) {
  std::vector<std::string> files = find_images(directory);
  std::map<std::string, Folder> splits = find_split_folders(directory);
  if (splits.empty()) {
    splits["train"] = {directory, std::move(files)};
  } else {
    check_splits(directory, files, splits);
    // One search for each split, because two splits may link to the same folder.
    for (auto& [name, folder] : splits) folder.files = find_images(folder.root);
  }
  for (const auto& [name, folder] : splits)
    if (folder.files.empty())
      throw FormatError(folder.root, "expected PNG or JPEG files in this folder or below it, has none");
  return splits;
}

/// Removes images that cannot be decoded from the splits. Returns the error message of each.
std::vector<std::string> remove_corrupt(std::map<std::string, Folder>& splits, const OpenOptions& options) {
  std::vector<fs::path> paths;
  for (const auto& [name, folder] : splits)
    for (const std::string& file : folder.files) paths.push_back(folder.root / file);
  const std::vector<std::string> problems = find_corrupt(paths, options.progress);
  std::vector<std::string> skipped;
  auto problem = problems.begin();
  for (auto& [name, folder] : splits) {
    std::vector<std::string> intact;
    for (std::string& file : folder.files) {
      if (problem->empty())
        intact.push_back(std::move(file));
      else
        skipped.push_back(*problem);
      ++problem;
    }
    if (intact.empty())
      throw FormatError(folder.root, "expected an image that can be decoded, has none: " + skipped.back());
    folder.files = std::move(intact);
  }
  return skipped;
}

/// The distinct first folders of the files, in bytewise order.
std::vector<std::string> find_classes(const Folder& folder) {
  std::set<std::string> names;
  for (const std::string& file : folder.files) names.insert(top_folder(file));
  for (const std::string& name : names)
    if (!io::is_utf8(name)) throw FormatError(folder.root / name, "expected the name of a class in UTF-8, is not");
  return {names.begin(), names.end()};
}

/// `whose`: a description of the class names for error messages.
std::vector<std::int64_t> find_labels(const Folder& folder, const std::vector<std::string>& class_names,
                                      const std::string& whose) {
  std::map<std::string, std::int64_t> places;
  for (const std::string& name : class_names) places.emplace(name, std::ssize(places));
  std::vector<std::int64_t> labels;
  labels.reserve(folder.files.size());
  for (const std::string& file : folder.files) {
    const std::string name = top_folder(file);
    if (name.empty())
      throw FormatError(folder.root / file, "expected an image in a sub-folder named after its class, is in none");
    const auto place = places.find(name);
    if (place == places.end())
      throw FormatError(folder.root / name,
                        "expected a class of the " + whose + ", is none of the " + std::to_string(class_names.size()));
    labels.push_back(place->second);
  }
  return labels;
}

/// The class whose name is that of a folder of the path, the outermost first; -1 for none.
std::int64_t class_by_folder(const fs::path& file, const std::vector<std::string>& class_names) {
  for (const fs::path& folder : file.parent_path()) {
    const auto place = std::find(class_names.begin(), class_names.end(), folder.string());
    if (place != class_names.end()) return place - class_names.begin();
  }
  return -1;
}

std::vector<std::int64_t> labels_by_folder(const Folder& folder, const std::vector<std::string>& class_names) {
  std::vector<std::int64_t> labels;
  labels.reserve(folder.files.size());
  for (const std::string& file : folder.files) labels.push_back(class_by_folder(file, class_names));
  return labels;
}

/// The directory has PNG and JPEG files at any depth; see open_data_set.
DataSet open_folder(const fs::path& directory, const OpenOptions& options) {
  DataSet set;
  std::map<std::string, Folder> splits = find_splits(directory);
  if (options.skip_corrupt) set.skipped = remove_corrupt(splits, options);
  const Folder& train = splits.at("train");
  const int channels = options.channels == 3 ? 3 : find_channels(train);
  if (options.with_labels) set.class_names = options.class_names.empty() ? find_classes(train) : options.class_names;
  const auto make_source = [&](Folder& folder) {
    std::vector<std::int64_t> labels;
    if (options.with_labels) {
      labels =
          find_labels(folder, set.class_names, options.class_names.empty() ? "training images" : "names asked for");
    }
    return std::make_shared<ImageFiles>(std::move(folder), channels, std::move(labels));
  };
  for (auto& [name, folder] : splits) {
    auto& split = name == "train" ? set.train : name == "test" ? set.test : set.valid;
    split = make_source(folder);
  }
  return set;
}

}  // namespace

SourceKind folder_kind() {
  return {.name = "folder",
          .usage = "folder:DIR",
          .description = "PNG and JPEG files",
          .has_image_files = true,
          .open = open_folder};
}

std::shared_ptr<const ImageSource> open_pictures(const std::vector<fs::path>& paths, int channels,
                                                 const std::vector<std::string>& class_names,
                                                 std::vector<std::string>* skipped) {
  if (paths.size() == 1 && paths[0].extension() == ".npy") return open_data_set("npy:" + paths[0].string()).train;
  Folder folder;
  std::vector<std::int64_t> labels;
  if (paths.size() == 1 && is_folder(paths[0])) {
    folder = {paths[0], find_images(paths[0])};
    if (folder.files.empty())
      throw FormatError(paths[0], "expected PNG or JPEG files in this folder or below it, has none");
    if (skipped != nullptr) {
      std::map<std::string, Folder> alone{{"", std::move(folder)}};
      *skipped = remove_corrupt(alone, {});
      folder = std::move(alone.at(""));
    }
    if (!class_names.empty()) labels = labels_by_folder(folder, class_names);
  } else {
    for (const fs::path& path : paths) folder.files.push_back(path.string());
  }
  return std::make_shared<ImageFiles>(std::move(folder), channels == 1 ? 1 : 3, std::move(labels));
}

}  // namespace glow::images
