#include "data/find_images.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "io/errors.h"

namespace glow::data {
namespace {

namespace fs = std::filesystem;

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// What lies below a folder. No folder is looked at twice: folders that link to each other would else have as many
/// paths as there are orders of them. Those that are there themselves come first, then those fewer links away.
class Search {
 public:
  explicit Search(fs::path root) : root_(std::move(root)) {}

  /// In bytewise order.
  std::vector<std::string> run() && {
    visit(root_, "");
    while (!links_.empty())
      for (const std::string& link : std::exchange(links_, {})) visit(root_ / link, link + "/");
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  /// `prefix`: the path of `folder` below the root with a slash at its end, or nothing for the root.
  void visit(const fs::path& folder, const std::string& prefix) {
    if (!is_new(folder)) return;
    std::set<std::string> folders;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      // A dangling link is no folder: named like an image it counts as one, and reading it will say what is wrong.
      std::error_code ignored;
      if (!entry.is_directory(ignored)) {
        if (has_image_extension(name)) found_.push_back(prefix + name);
      } else if (entry.is_symlink()) {
        links_.insert(prefix + name);
      } else {
        folders.insert(name);
      }
    }
    for (const std::string& name : folders) visit(folder / name, prefix + name + "/");
  }

  /// Whether the folder, by whatever path, was not asked about before.
  bool is_new(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) throw io::cannot_read(folder, errno);
    return visited_.emplace(status.st_dev, status.st_ino).second;
  }

  fs::path root_;
  /// Links to folders that are still to be followed, by their paths below the root.
  std::set<std::string> links_;
  std::set<std::pair<dev_t, ino_t>> visited_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> find_images(const fs::path& directory) {
  try {
    return Search(directory).run();
  } catch (const fs::filesystem_error& error) {
    throw io::cannot_read(error.path1(), error.code().value());
  }
}

}  // namespace glow::data
