#pragma once

#include <torch/types.h>

#include <glow/nn/options.h>
#include <glow/train/options.h>

namespace glow::tools {

/// What training takes, in bytes.
struct MemoryEstimate {
  /// Parameters and all that is as large as they are.
  double parameters;
  /// What a batch leaves behind for the backward pass, and what that needs on the way.
  double activations;
};

/// From the shapes and the memory policy alone; the libraries' own needs come on top.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training, torch::Dtype dtype);

}  // namespace glow::tools
