#include "images/search.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <set>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <sys/stat.h>

#include <glow/error.h>

#include "images/scan.h"
#include "io/archive.h"
#include "io/errors.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

bool has_ending(std::string_view name, std::string_view ending) {
  const auto is_equal = [](unsigned char one, unsigned char other) { return std::tolower(one) == other; };
  return name.size() >= ending.size() &&
         std::equal(ending.begin(), ending.end(), name.end() - static_cast<std::ptrdiff_t>(ending.size()),
                    [&](char lower, char letter) { return is_equal(letter, lower); });
}

FormatError compressed_tar(const fs::path& path) {
  return FormatError(path, "expected an uncompressed tar, whose members can be read in any order: decompress it first");
}

/// Finds the images and archives below a folder. Each folder is visited once, because folders that link to each other
/// can have exponentially many paths. Real sub-folders are visited before symbolic links, and paths with fewer links
/// first.
class Search {
 public:
  Search(fs::path root, IsImageName is_image) : root_(std::move(root)), is_image_(is_image) {}

  FoundFiles run() && {
    visit(root_, "");
    while (!links_.empty())
      for (const std::string& link : std::exchange(links_, {})) visit(root_ / link, link + "/");
    std::sort(found_.images.begin(), found_.images.end());
    std::sort(found_.archives.begin(), found_.archives.end());
    return std::move(found_);
  }

 private:
  /// `prefix`: the path of `folder` below the root with a trailing slash, or empty for the root.
  void visit(const fs::path& folder, const std::string& prefix) {
    if (!is_new(folder)) return;
    std::set<std::string> folders;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      // A dangling link with the extension of an image counts as an image, so that reading it reports the problem.
      std::error_code ignored;
      if (!entry.is_directory(ignored)) {
        add_file(prefix + name);
      } else if (entry.is_symlink()) {
        links_.insert(prefix + name);
      } else {
        folders.insert(name);
      }
    }
    for (const std::string& name : folders) visit(folder / name, prefix + name + "/");
  }

  void add_file(const std::string& name) {
    if (is_image_(name)) {
      found_.images.push_back(name);
    } else if (io::is_archive_name(name)) {
      found_.archives.push_back(name);
    } else if (io::is_compressed_tar_name(name)) {
      throw compressed_tar(root_ / name);
    }
  }

  /// Whether the folder has not been visited before, by any path.
  bool is_new(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) throw io::cannot_read(folder, errno);
    return visited_.emplace(status.st_dev, status.st_ino).second;
  }

  fs::path root_;
  IsImageName is_image_;
  /// Links to folders that are not visited yet, as paths below the root.
  std::set<std::string> links_;
  std::set<std::pair<dev_t, ino_t>> visited_;
  FoundFiles found_;
};

/// Whether a part of the path starts with a dot.
bool is_hidden(std::string_view name) { return name.starts_with('.') || name.find("/.") != std::string_view::npos; }

bool is_label_name(std::string_view name) { return has_ending(name, ".cls"); }

/// The path up to the first dot of the file's name.
std::string_view key_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string_view::npos ? 0 : slash));
}

std::int32_t parse_class(const fs::path& path, std::string_view text) {
  constexpr std::int32_t kMost = 1'000'000;
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t last = text.find_last_not_of(kSpace);
  const std::string_view digits = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  std::int32_t label = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), label);
  if (error != std::errc() || end != digits.data() + digits.size() || label < 0 || label > kMost)
    throw FormatError(path, "expected the number of a class, 0 to 1000000, has " + io::in_quotes(text));
  return label;
}

/// An archive that was opened, and its images and labels.
struct Indexed {
  std::shared_ptr<const io::RegularFile> file;
  std::vector<io::Member> members;
  /// Of each member, -1 for none.
  std::vector<std::int32_t> labels;
};

/// Moves the labels from the members that have them to the images that they belong to.
void resolve_labels(Indexed& archive) {
  std::unordered_map<std::string, std::int32_t> label_of;
  for (const io::Member& member : archive.members) {
    if (!is_label_name(member.name)) continue;
    constexpr std::uint64_t kMostBytes = 64;
    const std::string text = io::read_member_start(*archive.file, member.name, member.place, kMostBytes);
    label_of.emplace(key_of(member.name), parse_class(archive.file->path() / member.name, text));
  }
  std::erase_if(archive.members, [](const io::Member& member) { return is_label_name(member.name); });
  archive.labels.assign(archive.members.size(), -1);
  if (label_of.empty()) return;
  for (std::size_t index = 0; index < archive.members.size(); ++index) {
    const auto found = label_of.find(std::string(key_of(archive.members[index].name)));
    if (found != label_of.end()) archive.labels[index] = found->second;
  }
}

Indexed index(const fs::path& path, IsImageName is_image) {
  if (io::is_compressed_tar_name(path)) throw compressed_tar(path);
  Indexed archive;
  archive.file = std::make_shared<const io::RegularFile>(path);
  archive.members = io::index_archive(*archive.file, [&](std::string_view name) {
    return !is_hidden(name) && (is_image(name) || is_label_name(name));
  });
  resolve_labels(archive);
  return archive;
}

void add_indexed(EncodedImages& images, const Indexed& archive, const std::string& mount, const std::string& stripped) {
  const std::int32_t number = images.add_archive({archive.file, mount, stripped});
  for (std::size_t member = 0; member < archive.members.size(); ++member) {
    const std::string_view name = archive.members[member].name;
    images.add_member(number, name.substr(stripped.size()), archive.members[member].place, archive.labels[member]);
  }
}

/// The folder ("a/") that all members are in, or empty.
std::string common_folder(const std::vector<io::Member>& members) {
  if (members.empty()) return "";
  const std::string& first = members.front().name;
  const std::string folder = first.substr(0, first.find('/') + 1);
  const auto is_inside = [&](const io::Member& member) { return member.name.starts_with(folder); };
  return std::all_of(members.begin(), members.end(), is_inside) ? folder : "";
}

}  // namespace

bool is_image_name(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {".png", ".jpg", ".jpeg", ".webp"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return has_ending(name, ending); });
}

bool is_npy_name(std::string_view name) { return has_ending(name, ".npy"); }

FoundFiles find_files(const fs::path& directory, IsImageName is_image) {
  try {
    return Search(directory, is_image).run();
  } catch (const fs::filesystem_error& error) {
    throw io::cannot_read(error.path1(), error.code().value());
  }
}

void add_archives(EncodedImages& images, const std::vector<MountedArchive>& archives, IsImageName is_image,
                  const OpenProgress& progress) {
  std::vector<Indexed> indexed(archives.size());
  run_with_progress(
      std::ssize(archives), [&](std::int64_t number) { indexed[number] = index(archives[number].path, is_image); },
      "archives indexed:", progress);
  for (std::size_t number = 0; number < archives.size(); ++number) {
    add_indexed(images, indexed[number], archives[number].mount, "");
    indexed[number] = {};
  }
}

EncodedImages images_of_archive(const fs::path& path, IsImageName is_image, const OpenProgress& progress) {
  EncodedImages images(path);
  run_with_progress(
      1,
      [&](std::int64_t) {
        const Indexed archive = index(path, is_image);
        add_indexed(images, archive, "", common_folder(archive.members));
      },
      "archives indexed:", progress);
  return images;
}

}  // namespace glow::images
