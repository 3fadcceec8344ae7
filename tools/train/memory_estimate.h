#pragma once

#include <glow/nn/options.h>
#include <glow/train/options.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// What training takes, in bytes, in each process.
struct MemoryEstimate {
  /// Parameters and all that is as large as they are.
  double parameters;
  /// What a batch leaves behind for the backward pass, and what that needs on the way.
  double activations;
};

/// From the shapes, the memory policy and the precision alone; the libraries' own needs come on top.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes);

}  // namespace glow::tools
