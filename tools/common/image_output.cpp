#include "tools/common/image_output.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/data/image_grid.h>
#include <glow/error.h>
#include <glow/io/animated_png.h>
#include <glow/io/file.h>
#include <glow/io/image.h>
#include <glow/io/npy.h>

#include "tools/common/files.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

namespace fs = std::filesystem;

/// Keeps all images and writes them as one file.
class OneFile : public ImageOutput {
 public:
  explicit OneFile(fs::path path) : path_(std::move(path)) {}
  void add(const torch::Tensor& bytes) override { batches_.push_back(bytes); }
  void finish() override { write(path_, at::cat(batches_)); }

 private:
  virtual void write(const fs::path& path, const torch::Tensor& bytes) const = 0;

  fs::path path_;
  std::vector<torch::Tensor> batches_;
};

class Grid : public OneFile {
 public:
  Grid(const fs::path& path, data::LabelledGridOptions options) : OneFile(path), options_(std::move(options)) {}

 private:
  void write(const fs::path& path, const torch::Tensor& bytes) const override {
    io::write_png(path, data::labelled_grid(bytes, options_));
  }

  data::LabelledGridOptions options_;
};

class AnimationFile : public OneFile {
 public:
  AnimationFile(const fs::path& path, std::int64_t frame_milliseconds)
      : OneFile(path), frame_milliseconds_(frame_milliseconds) {}

 private:
  void write(const fs::path& path, const torch::Tensor& bytes) const override {
    io::Animation animation{.frames = {}, .frame_milliseconds = frame_milliseconds_};
    for (const auto& frame : bytes.unbind()) animation.frames.push_back(data::to_image(frame));
    io::write_animated_png(path, animation);
  }

  std::int64_t frame_milliseconds_;
};

class Array : public ImageOutput {
 public:
  explicit Array(const ImageOutputOptions& options) : file_(options.path, "|u1", array_shape(options)) {}

  void add(const torch::Tensor& bytes) override {
    const auto last = (bytes.size(1) == 1 ? bytes.squeeze(1) : bytes.permute({0, 2, 3, 1})).contiguous();
    const auto* data = reinterpret_cast<const char*>(last.data_ptr<std::uint8_t>());
    file_.write(std::string_view(data, static_cast<std::size_t>(last.numel())));
  }
  void finish() override { file_.finish(); }

 private:
  static std::vector<std::int64_t> array_shape(const ImageOutputOptions& options) {
    std::vector<std::int64_t> shape{options.count, options.shape.height, options.shape.width};
    if (options.shape.channels > 1) shape.push_back(options.shape.channels);
    return shape;
  }

  io::NpyWriter file_;
};

constexpr std::size_t kDigits = 6;

fs::path numbered_file(const fs::path& folder, std::int64_t index) {
  auto digits = std::to_string(index);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return folder / (digits + ".png");
}

/// Whether numbered_file makes this name. Only numbers below `count` may have more than kDigits digits: any other long
/// number may be a date in the name of a user's file.
bool is_numbered(const std::string& name, std::int64_t count) {
  constexpr std::size_t kMostDigits = 18;
  if (!name.ends_with(".png")) return false;
  const auto digits = name.substr(0, name.size() - 4);
  if (digits.size() < kDigits || digits.find_first_not_of("0123456789") != std::string::npos) return false;
  return digits.size() == kDigits ||
         (digits.size() <= kMostDigits && digits.front() != '0' && std::stoll(digits) < count);
}

/// The folder's files with such names, sorted; empty when the folder does not exist. Throws IoError.
std::vector<fs::path> numbered_files(const fs::path& folder, std::int64_t count) {
  std::vector<fs::path> files;
  std::error_code error;
  if (!fs::exists(fs::symlink_status(folder, error))) return files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_numbered(entry->path().filename().string(), count)) files.push_back(entry->path());
  }
  if (error) throw IoError("cannot read " + folder.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

class Folder : public ImageOutput {
 public:
  /// `old`: files of an earlier call, which the first `add` removes.
  Folder(fs::path path, std::vector<fs::path> old) : path_(std::move(path)), old_(std::move(old)) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw IoError("cannot write " + path_.string() + ": " + error.message());
  }

  void add(const torch::Tensor& bytes) override {
    remove_old();
    for (std::int64_t i = 0; i < bytes.size(0); ++i) {
      io::write_png(numbered_file(path_, next_++), data::to_image(bytes[i]));
    }
  }
  void finish() override {}

 private:
  void remove_old() {
    for (const auto& file : std::exchange(old_, {})) {
      std::error_code error;
      // The user made a folder with this name. If a picture needs the name, writing it reports the error.
      if (fs::is_directory(fs::symlink_status(file, error))) continue;
      fs::remove(file, error);
      if (error) throw IoError("cannot replace " + file.string() + ": " + error.message());
    }
  }

  fs::path path_;
  std::vector<fs::path> old_;
  std::int64_t next_ = 0;
};

OutputFile output_file(const fs::path& path, const ImageOutputOptions& options) {
  return {.path = path, .overwrite = options.overwrite, .inputs = options.inputs};
}

ConfigError wrong_channels(const ImageOutputOptions& options, const std::string& can_hold) {
  return ConfigError("out", options.path.string() + ": " + can_hold + ", the model's images have " +
                                std::to_string(options.shape.channels) + " (an .npy file holds them)");
}

std::unique_ptr<ImageOutput> open_file(const ImageOutputOptions& options, const std::string& extension) {
  check_output_file(output_file(options.path, options));
  if (extension == ".npy") return std::make_unique<Array>(options);
  if (options.shape.channels != 1 && options.shape.channels != 3)
    throw wrong_channels(options, "a grid has 1 or 3 channels");
  if (extension == ".apng") return std::make_unique<AnimationFile>(options.path, options.frame_milliseconds);
  constexpr std::int64_t kMostScale = 64;
  require_range("scale", options.scale, 1, kMostScale);
  return std::make_unique<Grid>(options.path,
                                data::LabelledGridOptions{options.columns, options.labels, options.scale});
}

std::unique_ptr<ImageOutput> open_folder(const ImageOutputOptions& options) {
  constexpr std::int64_t kMostChannels = 4;
  if (options.shape.channels > kMostChannels) throw wrong_channels(options, "a PNG has 1 to 4 channels");
  auto old = numbered_files(options.path, options.count);
  for (const auto& file : old) {
    check_replaceable(output_file(file, options));
    // Files beyond `count` may have been written by something else.
    if (std::stoll(file.stem().string()) < options.count) continue;
    const auto pictures = count_text(options.count, "picture");
    throw ConfigError("out", file.string() + " is beyond the " + pictures +
                                 " of this call, which --overwrite replaces (remove it, or choose another folder)");
  }
  return std::make_unique<Folder>(options.path, std::move(old));
}

}  // namespace

io::ImageShape image_shape(const nn::GlowOptions& model) {
  return {static_cast<int>(model.height), static_cast<int>(model.width), static_cast<int>(model.channels)};
}

std::unique_ptr<ImageOutput> open_image_output(const ImageOutputOptions& options) {
  const auto extension = io::lower_extension(options.path);
  std::error_code ignored;
  const bool is_folder = fs::is_directory(options.path, ignored) || extension.empty();
  const bool is_grid = !is_folder && extension == ".png";
  if (options.columns > 0 && !is_grid) {
    throw ConfigError("columns", "only a grid (.png) has columns, not " + options.path.string());
  }
  if (options.scale != 1 && !is_grid) {
    throw ConfigError("scale", "only a grid (.png) is scaled, not " + options.path.string());
  }
  if (is_folder) return open_folder(options);
  const bool is_animation = extension == ".apng" && options.frame_milliseconds > 0;
  if (extension == ".png" || extension == ".npy" || is_animation) return open_file(options, extension);
  const std::string animation = options.frame_milliseconds > 0 ? ", FILE.apng" : "";
  throw ConfigError("out", "expected FILE.png, FILE.npy" + animation + " or a folder, got " + options.path.string());
}

}  // namespace glow::tools
