#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>

#include "tools/common/image_output.h"
#include "tools/edit/editor.h"

namespace glow::tools {

/// Decodes latents into an output: they are added in pieces of any size and decoded in full batches.
class PictureQueue {
 public:
  /// Shows the progress of `total` pictures. `editor` and `output` must outlive this object.
  PictureQueue(Editor& editor, ImageOutput& output, std::int64_t total)
      : editor_(editor), output_(output), total_(total) {}

  /// Labels: see Editor::decode_batch. Throws Interrupted, IoError.
  void add(const nn::Latents& latents, const torch::Tensor& labels);
  /// Call after the last piece: decodes the remaining latents and finishes the output.
  void finish();

 private:
  void decode_waiting();

  Editor& editor_;
  ImageOutput& output_;
  std::int64_t total_;
  /// Latents that are not decoded yet, their labels and their number.
  std::vector<nn::Latents> latents_;
  std::vector<torch::Tensor> labels_;
  std::int64_t waiting_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace glow::tools
