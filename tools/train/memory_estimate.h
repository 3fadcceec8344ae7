#pragma once

#include <cstdint>

#include <torch/types.h>

#include <glow/nn/options.h>

namespace glow::tools {

/// What training takes, in bytes.
struct MemoryEstimate {
  /// Parameters, their gradients, the optimiser's two moments, the average, and the averaged model.
  double parameters;
  /// What a batch leaves behind for the backward pass.
  double activations;
};

/// From the shapes alone; the libraries' own needs come on top.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, std::int64_t batch, torch::Dtype dtype);

}  // namespace glow::tools
