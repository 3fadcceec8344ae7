#include <array>
#include <string_view>
#include <system_error>

#include <glow/error.h>
#include <glow/images/source.h>

#include "images/list_folder.h"
#include "images/search.h"
#include "images/splits.h"
#include "io/archive.h"
#include "io/file_kind.h"
#include "io/regular_file.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// "cifar10" or "cifar100" for the name of a published archive, otherwise empty.
std::string cifar_of_archive(const std::string& lower_name) {
  if (lower_name.starts_with("cifar-100-")) return "cifar100";
  return lower_name.starts_with("cifar-10-") ? "cifar10" : "";
}

std::string specification_of_file(const fs::path& path) {
  const std::string start = io::file_start(io::RegularFile(path));
  const std::string lower = to_lower(path.filename().string());
  const auto is = [&](std::string_view name) { return io::identify_file(start).name == name; };
  const std::string cifar = cifar_of_archive(lower);
  if (!cifar.empty() && (is("a tar") || is("compressed data (gzip)"))) return cifar + ":" + path.string();
  if (io::begins_as_npy(start)) return "npy:" + path.string();
  if (is("an .npz file of NumPy")) return "npz:" + path.string();
  if (is("a zip file") || is("a tar")) return "folder:" + path.string();
  if (io::begins_as_tfrecord(start)) return "tfrecord:" + path.string();
  if (io::begins_as_lmdb(start)) return "lmdb:" + path.string();
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return is_image_name(lower) ? "folder:" + parent.string() : "";
}

/// The kind of a data set with a file of this name in its folder, or in that of a split; empty for other names.
std::string kind_of_member(const std::string& lower_name) {
  struct Ending {
    std::string_view text;
    const char* kind;
  };
  constexpr std::array<Ending, 4> kEndings = {
      {{"data.mdb", "lmdb"}, {".tfrecords", "tfrecord"}, {".npz", "npz"}, {".npy", "npy"}}};
  constexpr std::array<Ending, 6> kNames = {{{"data_batch_1", "cifar10"},
                                             {"data_batch_1.bin", "cifar10"},
                                             {"fine_label_names.txt", "cifar100"},
                                             {"meta", "cifar100"},
                                             {"train-images-idx3-ubyte", "fashion-mnist"},
                                             {"train-images-idx3-ubyte.gz", "fashion-mnist"}}};
  for (const auto& [name, kind] : kNames) {
    if (lower_name == name) return kind;
  }
  for (const auto& [ending, kind] : kEndings) {
    if (lower_name.ends_with(ending)) return kind;
  }
  return "";
}

/// The folder of the data set whose file is in `folder`: its parent if the folder is that of a split.
fs::path data_set_of(const fs::path& folder, const std::string& kind) {
  const std::string name = to_lower(folder.filename().string());
  const bool is_split =
      kind == "lmdb" ? name.ends_with("_lmdb") : !split_of_file(name).empty() && name.find('_') == std::string::npos;
  return is_split && folder.has_parent_path() ? folder.parent_path() : folder;
}

/// Looks in a folder and those below it, as deep as a data set in a sub-folder has its files.
std::string specification_of_folder(const fs::path& path) {
  constexpr int kDeepest = 3, kMostEntries = 2000;
  std::error_code error;
  bool has_images = false;
  int entries = 0;
  fs::recursive_directory_iterator entry(path, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end && entries < kMostEntries; ++entries) {
    const std::string name = to_lower(entry->path().filename().string());
    const bool is_hidden = name.starts_with('.');
    std::error_code ignored;
    if (is_hidden || entry.depth() >= kDeepest) entry.disable_recursion_pending();
    if (!is_hidden && !entry->is_directory(ignored)) {
      const std::string kind = kind_of_member(name);
      if (!kind.empty()) return kind + ":" + data_set_of(entry->path().parent_path(), kind).string();
      has_images = has_images || is_image_name(name) || io::is_archive_name(name);
    }
    entry.increment(error);
  }
  return has_images ? "folder:" + path.string() : "";
}

}  // namespace

std::string likely_specification(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return specification_of_folder(path);
  try {
    return fs::is_regular_file(path, ignored) ? specification_of_file(path) : "";
  } catch (const IoError&) {
    return "";
  }
}

}  // namespace glow::images
