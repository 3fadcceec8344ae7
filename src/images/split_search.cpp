#include "images/split_search.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <glow/error.h>

#include "images/list_folder.h"
#include "io/archive.h"
#include "io/file_kind.h"
#include "io/regular_file.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// "a/b" for "a/b/c.png", empty for a file without a folder.
std::string_view parent_of(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return file.substr(0, slash == std::string_view::npos ? 0 : slash);
}

/// "a/b/" for "a/b/c.tar".
std::string mount_of(const std::string& file) { return file.substr(0, file.rfind('/') + 1); }

/// The folders of images, as relative paths, without those directly in the data set.
std::set<std::string> parents_of(const EncodedImages& images) {
  std::set<std::string, std::less<>> parents;
  for (std::int64_t index = 0; index < images.size(); ++index) {
    const std::string_view parent = parent_of(images.name(index));
    if (!parent.empty() && !parents.contains(parent)) parents.emplace(parent);
  }
  return {parents.begin(), parents.end()};
}

/// Throws FormatError for a file that is no archive, whatever its name.
void refuse_other_file(const fs::path& path) {
  const std::string start = io::file_start(io::RegularFile(path));
  const std::string kind = io::identify_file(start).name;
  if (kind != "a tar" && kind != "a zip file") throw io::other_kind(path, "a folder, a tar or a zip file", start);
}

/// Opens a folder or an archive as a data set with splits.
class SplitSearch {
 public:
  SplitSearch(fs::path path, IsImageName is_image, const OpenOptions& options)
      : path_(std::move(path)), is_image_(is_image), options_(options) {}

  FoundSet run() && {
    if (is_folder(path_))
      search_folder();
    else
      search_archive(path_);
    return std::move(set_);
  }

 private:
  void search_archive(const fs::path& archive) {
    std::error_code ignored;
    if (fs::is_regular_file(archive, ignored) && !io::is_archive_name(archive) && !io::is_compressed_tar_name(archive))
      refuse_other_file(archive);
    EncodedImages all = images_of_archive(archive, is_image_, options_, set_.left_out);
    divide(archive, std::move(all), {});
  }

  void search_folder() {
    std::set<std::string> folders;
    if (options_.find_splits) folders = folders_in(path_);
    const SplitFolders splits = find_split_folders(folders);
    FoundFiles found = find_files(path_, is_image_);
    if (splits.empty() && found.images.empty() && found.archives.size() == 1)
      return search_archive(path_ / found.archives[0]);
    const auto is_in_split = [&](const std::string& file) { return splits.contains(std::string(top_folder(file))); };
    std::erase_if(found.images, is_in_split);
    std::erase_if(found.archives, is_in_split);
    set_.left_out.add(found.left_out);
    EncodedImages all(path_);
    add(all, path_, found, splits);
    divide(path_, std::move(all), splits);
  }

  /// Adds the images of files, those in archives as if these were unpacked where they lie.
  void add(EncodedImages& images, const fs::path& root, const FoundFiles& found, const SplitFolders& splits) {
    for (const std::string& file : found.images) images.add_file(file);
    std::vector<MountedArchive> archives;
    for (const std::string& archive : found.archives) {
      // One directly in the folder of the data set may hold a split.
      const bool may_be_split = options_.find_splits && root == path_ && mount_of(archive).empty();
      const std::string split = may_be_split ? split_of_file(fs::path(archive).stem().string()) : "";
      archives.push_back({root / archive, split.empty() ? mount_of(archive) : folder_for(split, splits) + "/", split});
    }
    add_archives(images, archives, is_image_, options_, set_.left_out);
  }

  /// The folder of a split, or what it would be.
  static std::string folder_for(const std::string& split, const SplitFolders& splits) {
    const auto found = std::ranges::find(splits, split, &SplitFolders::value_type::second);
    return found != splits.end() ? found->first : split;
  }

  /// Divides all images into the splits by their first folders. Those in `on_disk` are searched here.
  void divide(const fs::path& place, EncodedImages all, const SplitFolders& on_disk) {
    const std::set<std::string> parents = parents_of(all);
    std::set<std::string> names;
    for (const auto& [name, split] : on_disk) names.insert(name);
    for (const std::string& parent : parents) names.insert(parent.substr(0, parent.find('/')));
    if (options_.find_splits) set_.folders = find_split_folders(names);
    set_.folders.insert(on_disk.begin(), on_disk.end());
    if (set_.folders.empty()) {
      if (options_.find_splits) refuse_deeper_splits(place, parents, options_.names.no_splits);
      set_.splits.emplace("train", std::move(all));
      return;
    }
    check_split_folders(place, set_.folders, options_.names.no_splits);
    for (const auto& [name, split] : set_.folders) {
      EncodedImages images = all.take(name + "/");
      if (on_disk.contains(name)) add_folder(images, place / name);
      refuse_deeper_splits(place / name, parents_of(images), options_.names.no_splits);
      set_.splits.emplace(split, std::move(images));
    }
    refuse_others(std::move(all));
  }

  /// Searches the folder of a split on its own, because two splits may link to the same folder. What is left out of its
  /// files was counted by the search of the data set.
  void add_folder(EncodedImages& images, const fs::path& folder) {
    add(images, folder, find_files(folder, is_image_), {});
  }

  void refuse_others(EncodedImages others) const {
    if (others.size() == 0) return;
    others.sort();
    std::string names;
    for (const auto& [name, split] : set_.folders) names += (names.empty() ? "" : ", ") + name;
    throw FormatError(others.path(0), "expected images only in the folders of the splits (" + names +
                                          "), is beside them (" + options_.names.no_splits +
                                          " takes all images as one set)");
  }

  fs::path path_;
  IsImageName is_image_;
  const OpenOptions& options_;
  FoundSet set_;
};

FormatError no_images(const fs::path& path, IsImageName is_image) {
  const std::string kinds = is_image == is_npy_name ? ".npy" : "PNG, JPEG or WebP";
  return FormatError(path,
                     "expected " + kinds + " files in this folder or below it, or in a tar or zip file, has none");
}

}  // namespace

std::string_view top_folder(std::string_view file) {
  const std::size_t slash = file.find('/');
  return file.substr(0, slash == std::string_view::npos ? 0 : slash);
}

FoundSet find_splits(const fs::path& path, IsImageName is_image, const OpenOptions& options) {
  FoundSet set = SplitSearch(path, is_image, options).run();
  for (auto& [name, images] : set.splits) {
    if (images.size() == 0) throw no_images(images.root(), is_image);
    images.sort();
  }
  return set;
}

}  // namespace glow::images
