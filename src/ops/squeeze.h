#pragma once

#include <torch/types.h>

namespace glow::ops {

/// Trades space for channels (RealNVP, section 3.6): [N, C, H, W] -> [N, 4C, H/2, W/2] with output channel
/// c*4 + dy*2 + dx, the order of pixel_unshuffle. The result is channels_last. Volume-preserving.
/// Throws ShapeError when x is not 4-dimensional or H or W is odd.
torch::Tensor squeeze(const torch::Tensor& x);

/// The inverse of squeeze: [N, 4C, H, W] -> [N, C, 2H, 2W]. Throws ShapeError when the number of channels
/// is not a multiple of 4.
torch::Tensor unsqueeze(const torch::Tensor& x);

}  // namespace glow::ops
