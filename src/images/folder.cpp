#include "images/folder.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <glow/images/source.h>

#include "images/image_files.h"
#include "images/list_folder.h"
#include "images/scanned_splits.h"
#include "images/search.h"
#include "images/split_search.h"
#include "images/splits.h"
#include "io/archive.h"
#include "io/errors.h"
#include "io/json_object.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// Whether the classes of the images are numbers in their archives (WebDataset's .cls), and not their folders.
bool has_numbered_classes(const EncodedImages& images) {
  for (std::int64_t index = 0; index < images.size(); ++index)
    if (images.label(index) >= 0) return true;
  return false;
}

/// The name of the class of an image: its number in the archive, or its first folder.
std::string class_of(const EncodedImages& images, std::int64_t index, bool is_numbered) {
  if (!is_numbered) {
    const std::string_view name = top_folder(images.name(index));
    if (name.empty())
      throw FormatError(images.path(index), "expected an image in a sub-folder named after its class, is in none");
    return std::string(name);
  }
  if (images.label(index) < 0)
    throw FormatError(images.path(index), "expected a file .cls with the number of its class, as other images have");
  return std::to_string(images.label(index));
}

/// The distinct classes of the images: folders in bytewise order, or all numbers up to the highest.
std::vector<std::string> find_classes(const EncodedImages& images) {
  std::vector<std::string> names;
  if (has_numbered_classes(images)) {
    std::int32_t highest = 0;
    for (std::int64_t index = 0; index < images.size(); ++index) highest = std::max(highest, images.label(index));
    for (std::int32_t number = 0; number <= highest; ++number) names.push_back(std::to_string(number));
    return names;
  }
  std::set<std::string, std::less<>> folders;
  for (std::int64_t index = 0; index < images.size(); ++index) {
    const std::string_view name = top_folder(images.name(index));
    if (!folders.contains(name)) folders.emplace(name);
  }
  for (const std::string& name : folders)
    if (!io::is_utf8(name)) throw FormatError(images.root() / name, "expected the name of a class in UTF-8, is not");
  return {folders.begin(), folders.end()};
}

/// `whose`: a description of the class names for error messages.
std::vector<std::int32_t> find_labels(const EncodedImages& images, const std::vector<std::string>& class_names,
                                      const std::string& whose) {
  std::unordered_map<std::string, std::int32_t> places;
  for (const std::string& name : class_names) places.emplace(name, static_cast<std::int32_t>(places.size()));
  const bool is_numbered = has_numbered_classes(images);
  std::vector<std::int32_t> labels;
  labels.reserve(images.size());
  for (std::int64_t index = 0; index < images.size(); ++index) {
    const std::string name = class_of(images, index, is_numbered);
    const auto place = places.find(name);
    if (place == places.end())
      throw FormatError(is_numbered ? images.path(index) : images.root() / name,
                        "expected a class of the " + whose + ", is none of the " + std::to_string(class_names.size()) +
                            (is_numbered ? ": " + name : ""));
    labels.push_back(place->second);
  }
  return labels;
}

/// The folders directly in the data set, empty if an image is in none.
std::vector<std::string> folders_of(const EncodedImages& images) {
  std::set<std::string, std::less<>> folders;
  for (std::int64_t index = 0; index < images.size(); ++index) {
    const std::string_view folder = top_folder(images.name(index));
    if (folder.empty()) return {};
    if (!folders.contains(folder)) folders.emplace(folder);
  }
  return {folders.begin(), folders.end()};
}

/// "3 folders: cat, dog, horse"
std::string names_text(const std::vector<std::string>& names, const std::string& one, const std::string& several) {
  constexpr std::size_t kMostShown = 5;
  std::string text = std::to_string(names.size()) + " " + (names.size() == 1 ? one : several) + ": ";
  for (std::size_t i = 0; i < names.size() && i < kMostShown; ++i) text += (i > 0 ? ", " : "") + io::to_utf8(names[i]);
  return names.size() > kMostShown ? text + ", ..." : text;
}

/// DataSet::layout
std::string layout_text(const SplitFolders& splits, const EncodedImages& images,
                        const std::vector<std::string>& class_names) {
  std::string text;
  for (const auto& [name, split] : splits)
    text += (text.empty() ? "splits " : ", ") + split + " (" + io::to_utf8(name) + ")";
  const std::vector<std::string> folders = class_names.empty() ? folders_of(images) : std::vector<std::string>();
  if (!text.empty() && !(class_names.empty() && folders.empty())) text += "; ";
  if (!class_names.empty()) return text + names_text(class_names, "class", "classes");
  return folders.empty() ? text : text + names_text(folders, "folder", "folders");
}

}  // namespace

DataSet open_image_files(const fs::path& path, IsImageName is_image, const OpenOptions& options) {
  DataSet set;
  FoundSet found = find_splits(path, is_image, options);
  set.left_out = found.left_out.text();
  ScannedSplits splits;
  for (auto& [name, images] : found.splits) splits[name].images = std::move(images);
  scan_splits(path, splits, options, set.skipped);
  const ImageFiles::Colour colour = choose_colour(path, splits, options);
  if (options.with_labels)
    set.class_names = options.class_names.empty() ? find_classes(splits.at("train").images) : options.class_names;
  set.layout = layout_text(found.folders, splits.at("train").images, set.class_names);
  for (auto& [name, images] : splits) {
    std::vector<std::int32_t> labels;
    if (options.with_labels)
      labels = find_labels(images.images, set.class_names,
                           options.class_names.empty() ? "training images" : "names asked for");
    auto& split = name == "train" ? set.train : name == "test" ? set.test : set.valid;
    split = std::make_shared<ImageFiles>(std::move(images.images), std::move(images.scan.shapes), colour,
                                         std::move(labels), advice_on_damage(options));
  }
  return set;
}

namespace {

/// The path is a folder or an archive; see open_data_set.
DataSet open_folder(const fs::path& path, const OpenOptions& options) {
  return open_image_files(path, is_image_name, options);
}

}  // namespace

SourceKind folder_kind() {
  return {.name = "folder",
          .usage = "folder:PATH",
          .description = "PNG, JPEG and WebP files, in folders, tars or zips",
          .has_image_files = true,
          .has_split_folders = true,
          .open = open_folder};
}

namespace {

/// The class that has the name of one of the folders, the first of them that has one; -1 if none has.
template <class Folders>
std::int32_t class_of_first(const Folders& folders, const std::vector<std::string>& class_names) {
  for (const fs::path& folder : folders) {
    const auto place = std::ranges::find(class_names, folder.string());
    if (place != class_names.end()) return static_cast<std::int32_t>(place - class_names.begin());
  }
  return -1;
}

/// The images of open_pictures at one path, with their classes as labels.
EncodedImages pictures_at(const fs::path& path, const OpenOptions& options, LeftOut& left_out) {
  EncodedImages images;
  const bool is_file = !is_folder(path) && !io::is_archive_name(path);
  if (is_file) {
    images.add_file(path.string());
  } else {
    FoundSet found = find_splits(path, is_image_name, options);
    left_out.add(found.left_out);
    images = std::move(found.splits.at("train"));
  }
  if (options.class_names.empty()) return images;
  const fs::path given = is_file ? path.parent_path() : path;
  std::vector<fs::path> nearest_first(given.begin(), given.end());
  std::ranges::reverse(nearest_first);
  const std::int32_t own = class_of_first(nearest_first, options.class_names);
  for (std::int64_t index = 0; index < images.size(); ++index) {
    const fs::path below = is_file ? fs::path() : fs::path(images.name(index)).parent_path();
    const std::int32_t label = class_of_first(below, options.class_names);
    images.set_label(index, label < 0 ? own : label);
  }
  return images;
}

std::vector<std::int32_t> labels_in(const EncodedImages& images) {
  std::vector<std::int32_t> labels;
  labels.reserve(images.size());
  for (std::int64_t index = 0; index < images.size(); ++index) labels.push_back(images.label(index));
  return labels;
}

}  // namespace

DataSet open_pictures(const std::vector<fs::path>& paths, const OpenOptions& options) {
  if (paths.size() == 1 && is_npy_name(paths[0].string())) return open_data_set("npy:" + paths[0].string());
  OpenOptions here = options;
  here.find_splits = false;
  if (here.channels == 0) here.channels = 3;
  ScannedSplits splits;
  EncodedImages& images = splits["train"].images;
  LeftOut left_out;
  if (paths.size() == 1) {
    images = pictures_at(paths[0], here, left_out);
    if (images.size() == 1) here.names.skip_corrupt.clear();  // none would be left
  } else {
    for (const fs::path& path : paths) images.append(pictures_at(path, here, left_out));
  }
  const fs::path place = paths.size() == 1 ? paths[0] : fs::path("the given files");
  DataSet set;
  set.name = place.string();
  set.left_out = left_out.text();
  scan_splits(place, splits, here, set.skipped);
  const ImageFiles::Colour colour = choose_colour(place, splits, here);
  std::vector<std::int32_t> labels;
  if (!options.class_names.empty()) labels = labels_in(images);
  set.train = std::make_shared<ImageFiles>(std::move(images), std::move(splits.at("train").scan.shapes), colour,
                                           std::move(labels), advice_on_damage(here));
  return set;
}

}  // namespace glow::images
