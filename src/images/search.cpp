#include "images/search.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <system_error>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <sys/stat.h>

#include <glow/error.h>

#include "images/list_folder.h"
#include "images/shared_work.h"
#include "images/splits.h"
#include "io/archive.h"
#include "io/errors.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

FormatError compressed_tar(const fs::path& path) {
  return FormatError(path, "expected an uncompressed tar, whose members can be read in any order: decompress it first");
}

/// What a message calls the directories of runs, and their folder of grids of samples.
constexpr const char* kRun = "runs of glow-train";
constexpr const char* kSamplesOfRun = "samples";

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
    const bool is_run = is_run_directory(folder);
    if (is_run && !prefix.empty()) return found_.left_out.add_folder(kRun);
    std::set<std::string> folders;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      // A dangling link with the extension of an image counts as an image, so that reading it reports the problem.
      std::error_code ignored;
      if (!entry.is_directory(ignored)) {
        add_file(prefix, name);
      } else if (is_program_folder(name) || (is_run && name == kSamplesOfRun)) {
        found_.left_out.add_folder(name);
      } else if (entry.is_symlink()) {
        links_.insert(prefix + name);
      } else {
        folders.insert(name);
      }
    }
    for (const std::string& name : folders) visit(folder / name, prefix + name + "/");
  }

  void add_file(const std::string& prefix, const std::string& name) {
    if (name.starts_with('.')) {
      if (is_image_(name)) found_.left_out.add_hidden_image(name);
    } else if (is_image_(name)) {
      found_.images.push_back(prefix + name);
    } else if (io::is_archive_name(name)) {
      found_.archives.push_back(prefix + name);
    } else if (io::is_compressed_tar_name(name)) {
      throw compressed_tar(root_ / (prefix + name));
    } else {
      found_.left_out.add_file(name);
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

/// The first folder of a program in the path of a member, up to its end; empty if there is none.
std::string_view program_folder(std::string_view name) {
  for (std::size_t begin = 0;;) {
    const std::size_t end = name.find('/', begin);
    if (end == std::string_view::npos) return {};
    const std::string_view part = name.substr(begin, end - begin);
    // index_archive refuses the name of a wanted member that has "..".
    if (part != ".." && is_program_folder(part)) return name.substr(0, end);
    begin = end + 1;
  }
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_label_name(std::string_view name) { return to_lower(name).ends_with(".cls"); }

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

/// An image in an archive.
struct IndexedImage {
  std::string name;
  io::MemberPlace place;
  std::int32_t label = -1;
};

/// The images among the members, with the labels in the members KEY.cls.
std::vector<IndexedImage> with_labels(const io::RegularFile& file, std::vector<io::Member> members) {
  std::unordered_map<std::string, std::int32_t> label_of;
  std::vector<IndexedImage> images;
  for (io::Member& member : members) {
    if (is_label_name(member.name)) {
      constexpr std::uint64_t kMostBytes = 64;
      const std::string text = io::read_member_start(file, member.name, member.place, kMostBytes);
      label_of.emplace(member.name.substr(0, member.name.rfind('.')), parse_class(file.path() / member.name, text));
    } else {
      images.push_back({std::move(member.name), member.place});
    }
  }
  if (label_of.empty()) return images;
  std::unordered_map<std::string_view, std::string_view> image_of;
  for (IndexedImage& image : images) {
    const auto [other, is_only] = image_of.emplace(key_of(image.name), image.name);
    if (!is_only)
      throw FormatError(file.path() / image.name, "expected one image of a class file .cls, but " +
                                                      io::in_quotes(other->second) + " has the same key");
    const auto found = label_of.find(std::string(key_of(image.name)));
    if (found != label_of.end()) image.label = found->second;
  }
  return images;
}

static_assert(std::is_trivially_copyable_v<io::MemberPlace>);

/// Decides which members of an archive are wanted, and counts the others.
class MemberFilter {
 public:
  MemberFilter(IsImageName is_image, bool has_labels) : is_image_(is_image), has_labels_(has_labels) {}

  bool wants(std::string_view name) {
    const bool is_image = is_image_(name), is_hidden = file_name(name).starts_with('.');
    if (const std::string_view folder = program_folder(name); !folder.empty()) {
      if (folders_.emplace(folder).second) left_out_.add_folder(file_name(folder));
    } else if (is_hidden) {
      if (is_image) left_out_.add_hidden_image(name);
    } else if (is_image || (has_labels_ && is_label_name(name))) {
      return true;
    } else {
      left_out_.add_file(name);
    }
    return false;
  }

  const LeftOut& left_out() const { return left_out_; }

 private:
  IsImageName is_image_;
  bool has_labels_;
  LeftOut left_out_;
  /// Folders that are counted.
  std::set<std::string, std::less<>> folders_;
};

/// An archive: what is left out of it, and its index as a text: for each image its name, a NUL, and the bytes of place
/// and label.
std::string index_text(const io::RegularFile& file, IsImageName is_image, bool has_labels) {
  MemberFilter filter(is_image, has_labels);
  std::string text;
  for (const IndexedImage& image :
       with_labels(file, io::index_archive(file, [&](std::string_view name) { return filter.wants(name); }))) {
    text.append(image.name).push_back('\0');
    text.append(reinterpret_cast<const char*>(&image.place), sizeof image.place);
    text.append(reinterpret_cast<const char*>(&image.label), sizeof image.label);
  }
  return join_texts({filter.left_out().to_bytes(), text});
}

/// Adds what is left out to `left_out` and returns the index.
std::string take_index(const std::string& text, LeftOut& left_out) {
  std::vector<std::string> parts = split_texts(text);
  left_out.add(LeftOut::from_bytes(parts.at(0)));
  return std::move(parts.at(1));
}

/// Calls visit(name, place, label) for each image in the result of index_text.
template <class Visit>
void visit_index(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find('\0'));
    text.remove_prefix(name.size() + 1);
    io::MemberPlace place;
    std::int32_t label = -1;
    std::memcpy(&place, text.data(), sizeof place);
    std::memcpy(&label, text.data() + sizeof place, sizeof label);
    text.remove_prefix(sizeof place + sizeof label);
    visit(name, place, label);
  }
}

/// "a/" for "a/b/c.png", empty without a folder.
std::string_view first_folder(std::string_view name) { return name.substr(0, name.find('/') + 1); }

/// The folder ("a/") that all images of an index are in below the folder `root`, and whether another folder follows for
/// each of them; empty if there is none.
std::pair<std::string, bool> common_folder(std::string_view index, std::size_t root) {
  std::optional<std::string> folder;
  bool is_above_folders = true;
  visit_index(index, [&](std::string_view name, const io::MemberPlace&, std::int32_t) {
    const std::string_view own = first_folder(name.substr(root));
    if (!folder) folder = own;
    if (*folder != own) folder = "";
    is_above_folders = is_above_folders && !first_folder(name.substr(root + own.size())).empty();
  });
  return {folder.value_or(""), is_above_folders};
}

/// The folders ("a/b/") at the beginning of the names of all images of an index that are left out of them: those of the
/// name of the split, or, without one, those above other folders.
std::string stripped_folders(std::string_view index, const std::string& split) {
  std::string stripped;
  for (;;) {
    const auto [folder, is_above_folders] = common_folder(index, stripped.size());
    const bool is_stripped = split.empty() ? is_above_folders : split_of_file(folder) == split;
    if (folder.empty() || !is_stripped) return stripped;
    stripped += folder;
  }
}

std::shared_ptr<const io::RegularFile> open_archive(const fs::path& path) {
  if (io::is_compressed_tar_name(path)) throw compressed_tar(path);
  return std::make_shared<const io::RegularFile>(path);
}

void add_index(EncodedImages& images, std::string_view index, EncodedImages::Archive archive) {
  const std::size_t stripped = archive.stripped.size();
  const std::int32_t number = images.add_archive(std::move(archive));
  visit_index(index, [&](std::string_view name, const io::MemberPlace& place, std::int32_t label) {
    images.add_member(number, name.substr(stripped), place, label);
  });
}

}  // namespace

bool is_image_name(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {".png", ".jpg", ".jpeg", ".webp"};
  const std::string lower = to_lower(name);
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return lower.ends_with(ending); });
}

bool is_npy_name(std::string_view name) { return to_lower(name).ends_with(".npy"); }

std::set<std::string> folders_in(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (entry->is_directory(ignored) && !is_program_folder(name) && !is_run_directory(entry->path()))
      names.insert(std::move(name));
  }
  if (error) throw io::cannot_read(directory, error.value());
  return names;
}

FoundFiles find_files(const fs::path& directory, IsImageName is_image) {
  try {
    return Search(directory, is_image).run();
  } catch (const fs::filesystem_error& error) {
    throw io::cannot_read(error.path1(), error.code().value());
  }
}

void add_archives(EncodedImages& images, const std::vector<MountedArchive>& archives, IsImageName is_image,
                  const OpenOptions& options, LeftOut& left_out) {
  std::vector<std::shared_ptr<const io::RegularFile>> files;
  std::vector<std::string> subjects;
  for (const auto& [path, mount, split] : archives) {
    files.push_back(open_archive(path));
    subjects.push_back(mount + path.filename().string() + " " + std::to_string(files.back()->size()));
  }
  const auto index = [&](std::int64_t number) { return index_text(*files[number], is_image, options.with_labels); };
  std::vector<std::string> indexes =
      share_work({.what = "archives indexed", .place = images.root(), .subjects = join_texts(subjects)},
                 std::ssize(archives), index, options);
  for (std::size_t number = 0; number < archives.size(); ++number) {
    const std::string indexed = std::move(indexes[number]);  // frees it with this iteration
    const std::string text = take_index(indexed, left_out);
    const std::string& split = archives[number].split;
    const std::string stripped = split.empty() ? "" : stripped_folders(text, split);
    add_index(images, text, {files[number], archives[number].mount, stripped});
  }
}

EncodedImages images_of_archive(const fs::path& path, IsImageName is_image, const OpenOptions& options,
                                LeftOut& left_out) {
  EncodedImages images(path);
  const auto file = open_archive(path);
  const auto index = [&](std::int64_t) { return index_text(*file, is_image, options.with_labels); };
  const std::string text =
      take_index(share_work({.what = "archives indexed", .place = path, .subjects = std::to_string(file->size())}, 1,
                            index, options)
                     .front(),
                 left_out);
  add_index(images, text, {.file = file, .stripped = stripped_folders(text, "")});
  return images;
}

}  // namespace glow::images
