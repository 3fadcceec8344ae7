#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/data/prefetcher.h>

namespace glow::train {

/// Images on their way to the model, on the CPU.
struct Batch {
  /// uint8 [N, C, H, W]
  torch::Tensor bytes;
  /// int64 [N]; undefined where no labels are wanted.
  torch::Tensor labels;
  /// Global index of each image.
  std::vector<std::int64_t> indices;
};

using Batches = data::Prefetcher<Batch>;

/// Which batches training wants.
struct TrainingOrder {
  std::int64_t batch;
  std::uint64_t seed;
  bool with_labels;
  /// Whether they are on their way to a GPU, which copies page-locked memory faster, and while the host goes on.
  bool pinned;
  std::int64_t first_step;
  std::int64_t end_step;
};

/// The augmented batches of steps first_step ... end_step - 1, made on a background thread. `images` must outlive them.
/// Throws ConfigError when a batch is larger than the set.
Batches training_batches(const data::Images& images, const TrainingOrder& order);

/// All images in their order, `batch` at once and the rest in the last, made on a background thread. `images` must
/// outlive them.
Batches all_batches(const data::Images& images, std::int64_t batch, bool with_labels);

}  // namespace glow::train
