#pragma once

#include <torch/types.h>

#include "train/optimizer_update.h"

namespace glow::train::cuda {

/// In one pass over CUDA tensors.
void update(const OptimizerUpdate& update);

}  // namespace glow::train::cuda
