#include "tools/common/image_output.h"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/data/image_grid.h>
#include <glow/data/labelled_grid.h>
#include <glow/error.h>
#include <glow/io/animated_png.h>
#include <glow/io/file.h>
#include <glow/io/image.h>
#include <glow/io/npy.h>

namespace glow::tools {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Throws IoError now rather than when hours of sampling are done.
void check_writable(const fs::path& path) { io::AtomicFile leaves_nothing_without_commit(path); }

/// Keeps all images and writes them as one file.
class OneFile : public ImageOutput {
 public:
  explicit OneFile(fs::path path) : path_(std::move(path)) { check_writable(path_); }
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

class Array : public OneFile {
 public:
  using OneFile::OneFile;

 private:
  void write(const fs::path& path, const torch::Tensor& bytes) const override {
    const auto last = (bytes.size(1) == 1 ? bytes.squeeze(1) : bytes.permute({0, 2, 3, 1})).contiguous();
    const auto* data = reinterpret_cast<const char*>(last.data_ptr<std::uint8_t>());
    io::write_npy(path, "|u1", last.sizes().vec(), std::string_view(data, static_cast<std::size_t>(last.numel())));
  }
};

class Folder : public ImageOutput {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw IoError("cannot write " + path_.string() + ": " + error.message());
  }

  static fs::path file(const fs::path& folder, std::int64_t index) {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%06lld.png", static_cast<long long>(index));
    return folder / name.data();
  }

  void add(const torch::Tensor& bytes) override {
    for (std::int64_t i = 0; i < bytes.size(0); ++i) io::write_png(file(path_, next_++), data::to_image(bytes[i]));
  }
  void finish() override {}

 private:
  fs::path path_;
  std::int64_t next_ = 0;
};

void refuse_existing(const fs::path& path, const ImageOutputOptions& options) {
  options.inputs.refuse("out", path);
  if (!options.overwrite && is_there(path))
    throw ConfigError("out: " + path.string() + " exists (--overwrite replaces it)");
}

ConfigError wrong_channels(const ImageOutputOptions& options, const std::string& can_hold) {
  return ConfigError("out: " + options.path.string() + ": " + can_hold + ", the model's images have " +
                     std::to_string(options.channels) + " (an .npy file holds them)");
}

std::unique_ptr<ImageOutput> open_file(const ImageOutputOptions& options, const std::string& extension) {
  refuse_existing(options.path, options);
  if (extension == ".npy") return std::make_unique<Array>(options.path);
  if (options.channels != 1 && options.channels != 3) throw wrong_channels(options, "a grid has 1 or 3 channels");
  if (extension == ".apng") return std::make_unique<AnimationFile>(options.path, options.frame_milliseconds);
  constexpr std::int64_t kMostScale = 64;
  if (options.scale < 1 || options.scale > kMostScale) {
    throw ConfigError("scale: expected 1 to " + std::to_string(kMostScale) + ", got " + std::to_string(options.scale));
  }
  return std::make_unique<Grid>(options.path,
                                data::LabelledGridOptions{options.columns, options.labels, options.scale});
}

std::unique_ptr<ImageOutput> open_folder(const ImageOutputOptions& options) {
  constexpr std::int64_t kMostChannels = 4;
  if (options.channels > kMostChannels) throw wrong_channels(options, "a PNG has 1 to 4 channels");
  for (std::int64_t i = 0; i < options.count && is_there(options.path); ++i) {
    refuse_existing(Folder::file(options.path, i), options);
  }
  return std::make_unique<Folder>(options.path);
}

}  // namespace

std::unique_ptr<ImageOutput> open_image_output(const ImageOutputOptions& options) {
  const auto extension = options.path.extension().string();
  std::error_code ignored;
  const bool is_folder = fs::is_directory(options.path, ignored) || extension.empty();
  if (options.columns > 0 && (is_folder || extension != ".png")) {
    throw ConfigError("columns: only a grid (.png) has columns, not " + options.path.string());
  }
  if (is_folder) return open_folder(options);
  const bool is_animation = extension == ".apng" && options.frame_milliseconds > 0;
  if (extension == ".png" || extension == ".npy" || is_animation) return open_file(options, extension);
  const std::string animation = options.frame_milliseconds > 0 ? ", FILE.apng" : "";
  throw ConfigError("out: expected FILE.png, FILE.npy" + animation + " or a folder, got " + options.path.string());
}

}  // namespace glow::tools
