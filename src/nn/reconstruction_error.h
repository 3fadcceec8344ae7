#pragma once

#include <torch/types.h>

namespace glow::nn {

/// Raises `largest` (ChainOptions::reconstruction_error, which may be undefined) to max|rebuilt - x| / max|x|. For
/// backward passes, no graph.
void report_reconstruction(torch::Tensor largest, const torch::Tensor& rebuilt, const torch::Tensor& x);

}  // namespace glow::nn
