#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include <torch/types.h>

#include <glow/data/image_grid.h>
#include <glow/io/image.h>
#include <glow/nn/options.h>

#include "tools/common/input_files.h"

namespace glow::tools {

/// Where images go, a batch at a time.
class ImageOutput {
 public:
  virtual ~ImageOutput() = default;
  /// uint8 [N, C, H, W] on the CPU. Throws IoError.
  virtual void add(const torch::Tensor& bytes) = 0;
  /// After the last batch: what is written in one piece is there now. Throws IoError.
  virtual void finish() = 0;
};

/// That of a model's images.
io::ImageShape image_shape(const nn::GlowOptions& model);

struct ImageOutputOptions {
  /// FILE.png for a grid, FILE.npy for an array, FILE.apng for an animation, else a folder of numbered PNGs.
  std::filesystem::path path;
  std::int64_t count = 0;
  /// Of each image.
  io::ImageShape shape = {};
  /// Of a grid; 0: as square as it gets.
  std::int64_t columns = 0;
  /// Whether what is there may be replaced: a file, or a folder's PNGs with the numbers of this call.
  bool overwrite = false;
  /// Those that may not even then.
  InputFiles inputs = {};
  /// Of a grid.
  data::GridLabels labels = {};
  /// Of a grid: how many pixels wide and high each pixel becomes.
  std::int64_t scale = 1;
  /// Of an animation: how long each image is shown; 0: this tool makes none.
  std::int64_t frame_milliseconds = 0;
};

/// Throws ConfigError naming the field (`out`, `columns`, `scale`) for a kind of file that cannot hold these images, or
/// when there is something already, one of the inputs, or in a folder a numbered PNG beyond this call's; IoError when
/// nothing can be written there. Pictures of an earlier call go when the first new one comes, so that none of both are
/// ever side by side.
std::unique_ptr<ImageOutput> open_image_output(const ImageOutputOptions& options);

}  // namespace glow::tools
