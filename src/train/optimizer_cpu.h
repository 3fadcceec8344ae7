#pragma once

#include <torch/types.h>

#include "train/optimizer_update.h"

namespace glow::train::cpu {

/// In one pass over CPU tensors.
void update(const OptimizerUpdate& update);

}  // namespace glow::train::cpu
