#include "data/find_images.h"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include "io/errors.h"

namespace glow::data {
namespace {

namespace fs = std::filesystem;

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

class Search {
 public:
  /// `prefix`: the relative path of `folder` with a slash at its end, or nothing for the top.
  void visit(const fs::path& folder, const std::string& prefix) {
    ancestors_.push_back(folder);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with('.')) continue;
      // A dangling link is no folder: named like an image it counts as one, and reading it will say what is wrong.
      std::error_code ignored;
      if (!entry.is_directory(ignored)) {
        if (has_image_extension(name)) found_.push_back(prefix + name);
      } else if (!entry.is_symlink() || !is_ancestor(entry.path())) {
        visit(entry.path(), prefix + name + "/");
      }
    }
    ancestors_.pop_back();
  }

  std::vector<std::string> sorted() && {
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  bool is_ancestor(const fs::path& folder) const {
    return std::any_of(ancestors_.begin(), ancestors_.end(),
                       [&](const fs::path& ancestor) { return fs::equivalent(ancestor, folder); });
  }

  std::vector<fs::path> ancestors_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> find_images(const fs::path& directory) {
  try {
    Search search;
    search.visit(directory, "");
    return std::move(search).sorted();
  } catch (const fs::filesystem_error& error) {
    throw io::cannot_read(error.path1(), error.code().value());
  }
}

}  // namespace glow::data
