#include "images/folder.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <glow/images/source.h>

#include "images/colour.h"
#include "images/image_files.h"
#include "images/scan.h"
#include "images/search.h"
#include "images/split_names.h"
#include "io/archive.h"
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
std::string_view top_folder(std::string_view file) {
  const std::size_t slash = file.find('/');
  return file.substr(0, slash == std::string_view::npos ? 0 : slash);
}

constexpr std::array<const char*, 4> kSplitNames = {"train", "valid", "val", "test"};

/// The images of each split, by its name.
using Splits = std::map<std::string, EncodedImages>;

/// "a/b/" for "a/b/c.tar".
std::string folder_of(const std::string& file) { return file.substr(0, file.rfind('/') + 1); }

/// All images below a folder, those in archives as if these were unpacked where they lie.
EncodedImages find_images(const fs::path& root, const FoundFiles& found, IsImageName is_image,
                          const OpenOptions& options) {
  EncodedImages images(root);
  for (const std::string& file : found.images) images.add_file(file);
  std::vector<MountedArchive> archives;
  for (const std::string& archive : found.archives) {
    // One directly in the folder of the data set may hold a split.
    const std::string split = folder_of(archive).empty() ? split_of_file(fs::path(archive).stem().string()) : "";
    archives.push_back({root / archive, split.empty() ? folder_of(archive) : split + "/", split});
  }
  add_archives(images, archives, is_image, options);
  return images;
}

/// Adds the images of the folder of a split; as another search, because two splits may link to the same folder.
void add_split_folder(const fs::path& root, EncodedImages& split, IsImageName is_image, const OpenOptions& options) {
  const FoundFiles found = find_files(root, is_image);
  for (const std::string& file : found.images) split.add_file(file);
  std::vector<MountedArchive> archives;
  for (const std::string& archive : found.archives) archives.push_back({root / archive, folder_of(archive), ""});
  add_archives(split, archives, is_image, options);
}

/// Moves the images in folders with the names of splits from `all` to the result.
Splits take_splits(EncodedImages& all) {
  Splits splits;
  for (const char* name : kSplitNames) {
    EncodedImages split = all.take(std::string(name) + "/");
    if (split.size() > 0) splits.emplace(name, std::move(split));
  }
  return splits;
}

void check_splits(const fs::path& directory, const Splits& splits, const EncodedImages& others) {
  if (!splits.contains("train"))
    throw FormatError(directory, "expected a folder train beside the folder " + splits.begin()->first + ", has none");
  if (splits.contains("valid") && splits.contains("val"))
    throw FormatError(directory, "expected one validation split, has a folder valid and a folder val");
  if (others.size() > 0)
    throw FormatError(others.path(0),
                      "expected images only in the folders train, valid (or val) and test, is beside them");
}

/// Whether a relative path is in one of these folders.
bool is_below(const std::string& path, const std::set<std::string>& folders) {
  return folders.contains(std::string(top_folder(path)));
}

Splits splits_of_archive(const fs::path& path, IsImageName is_image, const OpenOptions& options) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored) && !io::is_archive_name(path) && !io::is_compressed_tar_name(path))
    throw FormatError(path, "expected a folder, a tar or a zip file");
  EncodedImages all = images_of_archive(path, is_image, options);
  Splits splits = take_splits(all);
  if (splits.empty()) {
    splits.emplace("train", std::move(all));
  } else {
    check_splits(path, splits, all);
  }
  return splits;
}

Splits splits_of_folder(const fs::path& directory, IsImageName is_image, const OpenOptions& options) {
  std::set<std::string> split_folders;
  for (const char* name : kSplitNames)
    if (is_folder(directory / name)) split_folders.insert(name);
  FoundFiles found = find_files(directory, is_image);
  if (split_folders.empty() && found.images.empty() && found.archives.size() == 1)
    return splits_of_archive(directory / found.archives[0], is_image, options);
  std::erase_if(found.images, [&](const std::string& file) { return is_below(file, split_folders); });
  std::erase_if(found.archives, [&](const std::string& file) { return is_below(file, split_folders); });
  EncodedImages all = find_images(directory, found, is_image, options);
  Splits splits = take_splits(all);
  for (const std::string& name : split_folders) {
    EncodedImages& split = splits.try_emplace(name, EncodedImages(directory / name)).first->second;
    add_split_folder(directory / name, split, is_image, options);
  }
  if (splits.empty()) {
    splits.emplace("train", std::move(all));
  } else {
    all.sort();
    check_splits(directory, splits, all);
  }
  return splits;
}

FormatError no_images(const fs::path& path, IsImageName is_image) {
  const std::string kinds = is_image == is_npy_name ? ".npy" : "PNG, JPEG or WebP";
  return FormatError(path,
                     "expected " + kinds + " files in this folder or below it, or in a tar or zip file, has none");
}

/// The images of each split, sorted.
Splits find_splits(const fs::path& path, IsImageName is_image, const OpenOptions& options) {
  Splits splits =
      is_folder(path) ? splits_of_folder(path, is_image, options) : splits_of_archive(path, is_image, options);
  for (auto& [name, images] : splits) {
    if (images.size() == 0) throw no_images(images.root(), is_image);
    images.sort();
  }
  return splits;
}

/// Scans the images, removes those that cannot be decoded if the options say so, and adds their errors to `skipped`.
/// Returns the shapes of the others.
std::vector<io::ImageShape> scan_and_filter(EncodedImages& images, const OpenOptions& options,
                                            std::vector<std::string>& skipped) {
  Scan scan = scan_images(images, options);
  if (!options.skip_corrupt) return std::move(scan.shapes);
  std::vector<bool> removed;
  std::vector<io::ImageShape> shapes;
  for (std::size_t index = 0; index < scan.problems.size(); ++index) {
    removed.push_back(!scan.problems[index].empty());
    if (removed.back())
      skipped.push_back(scan.problems[index]);
    else
      shapes.push_back(scan.shapes[index]);
  }
  images.remove(removed);
  if (images.size() == 0)
    throw FormatError(images.root(), "expected an image that can be decoded, has none: " + skipped.back());
  return shapes;
}

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

/// The class whose name is that of a folder of the path, the outermost first; -1 for none.
std::int32_t class_by_folder(const fs::path& file, const std::vector<std::string>& class_names) {
  for (const fs::path& folder : file.parent_path()) {
    const auto place = std::find(class_names.begin(), class_names.end(), folder.string());
    if (place != class_names.end()) return static_cast<std::int32_t>(place - class_names.begin());
  }
  return -1;
}

std::vector<std::int32_t> labels_by_folder(const EncodedImages& images, const std::vector<std::string>& class_names) {
  std::vector<std::int32_t> labels;
  labels.reserve(images.size());
  for (std::int64_t index = 0; index < images.size(); ++index)
    labels.push_back(class_by_folder(images.name(index), class_names));
  return labels;
}

int channels_of(const std::vector<io::ImageShape>& shapes) { return std::ranges::all_of(shapes, is_grey) ? 1 : 3; }

}  // namespace

DataSet open_image_files(const fs::path& path, IsImageName is_image, const OpenOptions& options) {
  DataSet set;
  Splits splits = find_splits(path, is_image, options);
  std::map<std::string, std::vector<io::ImageShape>> shapes;
  for (auto& [name, images] : splits) shapes[name] = scan_and_filter(images, options, set.skipped);
  const int channels = options.channels == 3 ? 3 : channels_of(shapes["train"]);
  if (options.with_labels)
    set.class_names = options.class_names.empty() ? find_classes(splits.at("train")) : options.class_names;
  for (auto& [name, images] : splits) {
    std::vector<std::int32_t> labels;
    if (options.with_labels)
      labels =
          find_labels(images, set.class_names, options.class_names.empty() ? "training images" : "names asked for");
    auto& split = name == "train" ? set.train : name == "test" ? set.test : set.valid;
    split = std::make_shared<ImageFiles>(std::move(images), std::move(shapes[name]), channels, std::move(labels));
  }
  return set;
}

namespace {

/// The path is a folder or an archive; see open_data_set.
DataSet open_folder(const fs::path& path, const OpenOptions& options) {
  return open_image_files(path, is_image_name, options);
}

/// All images below one folder or in one archive, without splits.
EncodedImages images_below(const fs::path& path) {
  EncodedImages images(path);
  if (is_folder(path))
    add_split_folder(path, images, is_image_name, {});
  else
    images = images_of_archive(path, is_image_name, {});
  if (images.size() == 0) throw no_images(path, is_image_name);
  images.sort();
  return images;
}

}  // namespace

SourceKind folder_kind() {
  return {.name = "folder",
          .usage = "folder:PATH",
          .description = "PNG, JPEG and WebP files, in folders, tars or zips",
          .has_image_files = true,
          .open = open_folder};
}

std::shared_ptr<const ImageSource> open_pictures(const std::vector<fs::path>& paths, int channels,
                                                 const std::vector<std::string>& class_names,
                                                 std::vector<std::string>* skipped) {
  if (paths.size() == 1 && paths[0].extension() == ".npy") return open_data_set("npy:" + paths[0].string()).train;
  EncodedImages images;
  std::vector<std::int32_t> labels;
  const bool is_one = paths.size() == 1 && (is_folder(paths[0]) || io::is_archive_name(paths[0]));
  if (is_one) {
    images = images_below(paths[0]);
  } else {
    for (const fs::path& path : paths) images.add_file(path.string());
  }
  std::vector<std::string> problems;
  const OpenOptions options{.skip_corrupt = is_one && skipped != nullptr};
  auto shapes = scan_and_filter(images, options, problems);
  if (is_one && skipped != nullptr) *skipped = std::move(problems);
  if (is_one && !class_names.empty()) labels = labels_by_folder(images, class_names);
  return std::make_shared<ImageFiles>(std::move(images), std::move(shapes), channels == 1 ? 1 : 3, std::move(labels));
}

}  // namespace glow::images
