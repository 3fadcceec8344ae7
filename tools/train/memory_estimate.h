#pragma once

#include <glow/nn/options.h>
#include <glow/train/options.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// Memory that training needs in each process, in bytes.
struct MemoryEstimate {
  /// The parameters and tensors of their size: gradients, moments, averages.
  double parameters;
  /// The tensors that a batch keeps for the backward pass, and the workspace of that pass.
  double activations;
};

/// An estimate from the shapes, the memory policy and the precision; excludes memory that the libraries need
/// themselves.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes);

}  // namespace glow::tools
