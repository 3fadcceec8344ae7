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
  /// Shows the progress of `total` pictures. Editor and output must live as long.
  PictureQueue(Editor& editor, ImageOutput& output, std::int64_t total)
      : editor_(editor), output_(output), total_(total) {}

  /// Labels as decode_batch takes them. Throws Interrupted, IoError.
  void add(const nn::Latents& latents, const torch::Tensor& labels);
  /// After the last piece: decodes the rest and finishes the output.
  void finish();

 private:
  void decode_waiting();

  Editor& editor_;
  ImageOutput& output_;
  std::int64_t total_;
  /// Not decoded yet: latents, labels and their number.
  std::vector<nn::Latents> latents_;
  std::vector<torch::Tensor> labels_;
  std::int64_t waiting_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace glow::tools
