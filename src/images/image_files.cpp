#include "images/image_files.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <set>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include <glow/error.h>
#include <glow/images/worker_pool.h>
#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

bool has_image_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// Finds the images below a folder. Each folder is visited once, because folders that link to each other can have
/// exponentially many paths. Real sub-folders are visited before symbolic links, and paths with fewer links first.
class Search {
 public:
  explicit Search(fs::path root) : root_(std::move(root)) {}

  /// The paths of the images below the root, in bytewise order.
  std::vector<std::string> run() && {
    visit(root_, "");
    while (!links_.empty())
      for (const std::string& link : std::exchange(links_, {})) visit(root_ / link, link + "/");
    std::sort(found_.begin(), found_.end());
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
        if (has_image_extension(name)) found_.push_back(prefix + name);
      } else if (entry.is_symlink()) {
        links_.insert(prefix + name);
      } else {
        folders.insert(name);
      }
    }
    for (const std::string& name : folders) visit(folder / name, prefix + name + "/");
  }

  /// Whether the folder has not been visited before, by any path.
  bool is_new(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) throw io::cannot_read(folder, errno);
    return visited_.emplace(status.st_dev, status.st_ino).second;
  }

  fs::path root_;
  /// Links to folders that are not visited yet, as paths below the root.
  std::set<std::string> links_;
  std::set<std::pair<dev_t, ino_t>> visited_;
  std::vector<std::string> found_;
};

std::string problem_with(const std::filesystem::path& file) {
  try {
    io::read_image(file);
    return "";
  } catch (const FormatError& error) {
    return error.what();
  }
}

constexpr int kOpaque = 255;

/// value alpha/255 + 255 (1 - alpha/255), rounded.
std::uint8_t over_white(int value, int alpha) {
  const int sum = value * alpha + 255 * (kOpaque - alpha);
  return static_cast<std::uint8_t>((sum + kOpaque / 2) / kOpaque);
}

/// Whether an image has no colour (grey, with or without alpha).
bool is_grey(const io::ImageShape& shape) { return shape.channels <= 2; }

/// The image with 1 (only from a grey image) or 3 channels: grey is repeated, alpha is composited onto white.
io::Image to_channels(io::Image image, int channels) {
  if (image.shape.channels == channels) return image;
  const int stored = image.shape.channels;
  const bool has_alpha = stored % 2 == 0;
  io::Image result{{image.shape.height, image.shape.width, channels}, {}};
  result.pixels.reserve(image.pixels.size() / stored * channels);
  for (std::size_t pixel = 0; pixel < image.pixels.size(); pixel += stored) {
    const int alpha = has_alpha ? image.pixels[pixel + stored - 1] : kOpaque;
    for (int channel = 0; channel < channels; ++channel)
      result.pixels.push_back(over_white(image.pixels[pixel + (is_grey(image.shape) ? 0 : channel)], alpha));
  }
  return result;
}

}  // namespace

std::vector<std::string> find_images(const fs::path& directory) {
  try {
    return Search(directory).run();
  } catch (const fs::filesystem_error& error) {
    throw io::cannot_read(error.path1(), error.code().value());
  }
}

std::vector<std::string> find_corrupt(const std::vector<std::filesystem::path>& files,
                                      const std::function<void(std::int64_t, std::int64_t)>& progress) {
  constexpr std::int64_t kFilesPerThread = 16;  // between two reports of progress
  const auto workers = data_workers();
  const std::int64_t at_once = kFilesPerThread * workers->threads();
  const auto total = static_cast<std::int64_t>(files.size());
  std::vector<std::string> problems(files.size());
  for (std::int64_t done = 0; done < total;) {
    const std::int64_t next = std::min(done + at_once, total);
    workers->run(next - done, [&, done](std::int64_t i) { problems[done + i] = problem_with(files[done + i]); });
    done = next;
    if (progress) progress(done, total);
  }
  return problems;
}

int find_channels(const Folder& folder) {
  const auto has_colour = [&](const std::string& file) { return !is_grey(io::read_image_shape(folder.root / file)); };
  return std::ranges::any_of(folder.files, has_colour) ? 3 : 1;
}

ImageFiles::ImageFiles(Folder folder, int channels, std::vector<std::int64_t> labels)
    : folder_(std::move(folder)), channels_(channels), labels_(std::move(labels)) {}

io::ImageShape ImageFiles::shape(std::int64_t index) const {
  io::ImageShape shape = io::read_image_shape(path(index));
  check_colour(shape, index);
  shape.channels = channels_;
  return shape;
}

io::Image ImageFiles::image(std::int64_t index) const {
  io::Image image = io::read_image(path(index));
  check_colour(image.shape, index);
  return to_channels(std::move(image), channels_);
}

std::string ImageFiles::key(std::int64_t index) const {
  std::error_code error;
  const auto size = std::filesystem::file_size(path(index), error);
  if (error) throw io::cannot_read(path(index), error.value());
  return folder_.files[index] + '\0' + std::to_string(size);
}

std::string ImageFiles::content(std::int64_t index) const {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;
  return io::read_file(path(index), kMostBytes);
}

void ImageFiles::check_colour(const io::ImageShape& shape, std::int64_t index) const {
  if (channels_ == 1 && !is_grey(shape))
    throw FormatError(path(index), "expected a grey image (1 channel is required), has colour");
}

}  // namespace glow::images
