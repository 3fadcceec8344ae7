#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>

#include "tools/common/image_output.h"
#include "tools/edit/editor.h"

namespace glow::tools {

/// Pictures on their way from latents to an output: they come in any pieces and are decoded in full batches.
class PictureQueue {
 public:
  /// For `total` pictures, which progress is shown of. Editor and output must live as long.
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
  /// Those that wait: latents, their labels and how many they are.
  std::vector<nn::Latents> latents_;
  std::vector<torch::Tensor> labels_;
  std::int64_t waiting_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace glow::tools
