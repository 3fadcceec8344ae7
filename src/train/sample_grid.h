#pragma once

#include <cstdint>
#include <functional>

#include <torch/types.h>

#include <glow/io/image.h>
#include <glow/nn/glow.h>

namespace glow::train {

/// data::image_grid of uint8 [N, C, H, W], but images of other than 1 or 3 channels show their channels side by side in
/// grey.
io::Image as_grid(const torch::Tensor& bytes, std::int64_t columns);

/// A picture of samples at temperature 0.7, as in the paper's figures: 6 by 6, or for a conditional model one row of 6
/// for each of its first 10 classes (as_grid).
/// `batch` samples are drawn at once; the picture does not depend on it, up to rounding. `drawn` is called after each
/// batch.
io::Image sample_grid(const nn::Glow& model, std::int64_t batch, std::uint64_t seed,
                      const std::function<void()>& drawn);

}  // namespace glow::train
