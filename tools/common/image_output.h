#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include <torch/types.h>

#include <glow/data/image_grid.h>
#include <glow/io/image.h>
#include <glow/nn/options.h>

#include "tools/common/files.h"

namespace glow::tools {

/// The destination of images, which are added batch by batch.
class ImageOutput {
 public:
  virtual ~ImageOutput() = default;
  /// uint8 [N, C, H, W] on the CPU. Throws IoError.
  virtual void add(const torch::Tensor& bytes) = 0;
  /// Call after the last batch. Writes the file of a grid, array or animation. Throws IoError.
  virtual void finish() = 0;
};

/// The shape of the model's images.
io::ImageShape image_shape(const nn::GlowOptions& model);

struct ImageOutputOptions {
  /// FILE.png for a grid, FILE.npy for an array, FILE.apng for an animation, else a folder of numbered PNGs.
  std::filesystem::path path;
  std::int64_t count = 0;
  /// The shape of each image.
  io::ImageShape shape = {};
  /// Columns of a grid; 0: as square as possible.
  std::int64_t columns = 0;
  /// Whether existing files may be replaced: a file, or a folder's PNGs with the numbers of this call.
  bool overwrite = false;
  /// Files that are not replaced, even with `overwrite`.
  InputFiles inputs = {};
  /// Labels of a grid.
  data::GridLabels labels = {};
  /// Scale of a grid: each pixel becomes scale x scale pixels.
  std::int64_t scale = 1;
  /// Duration of each frame of an animation; 0: this tool writes no animations.
  std::int64_t frame_milliseconds = 0;
};

/// Throws ConfigError naming the field (`out`, `columns`, `scale`) when the file format cannot hold these images, when
/// the path exists and may not be replaced, when it is one of the inputs, or when the folder contains a numbered PNG
/// that this call does not replace. Throws IoError when the path cannot be written. Pictures of an earlier call are
/// removed before the first new one is written, so that a folder never contains pictures of both calls.
std::unique_ptr<ImageOutput> open_image_output(const ImageOutputOptions& options);

}  // namespace glow::tools
