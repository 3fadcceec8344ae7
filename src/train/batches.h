#pragma once

#include <cstdint>

#include <glow/shard.h>

#include "data/batches.h"

namespace glow::train {

using data::all_batches;
using data::Batch;
using data::Batches;

/// Which batches training wants.
struct TrainingOrder {
  /// Images a step, and the part of them that is wanted.
  std::int64_t batch;
  Shard shard;
  std::uint64_t seed;
  bool with_labels;
  /// Whether they are on their way to a GPU, which copies page-locked memory faster, and while the host goes on.
  bool pinned;
  std::int64_t first_step;
  std::int64_t end_step;
};

/// The augmented batches, or shards of them, of steps first_step ... end_step - 1, made on a background thread.
/// `images` must outlive them. Throws ConfigError when a batch is larger than the set.
Batches training_batches(const data::Images& images, const TrainingOrder& order);

}  // namespace glow::train
