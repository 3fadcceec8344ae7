#pragma once

#include <glow/nn/options.h>
#include <glow/train/options.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// Memory that training needs in each process, in bytes.
struct MemoryEstimate {
  /// The parameters and the tensors of their size: gradients, moments, averages.
  double parameters;
  /// What a batch keeps for the backward pass, and the workspace of that pass.
  double activations;
};

/// Estimated from the shapes, the memory policy and the precision, without what the libraries need for themselves.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes);

}  // namespace glow::tools
