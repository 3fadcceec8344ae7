#include "train/batches.h"

#include <vector>

#include <glow/data/order.h>

namespace glow::train {

Batches training_batches(const data::Images& images, const TrainingOrder& wanted) {
  return Batches(
      [&images, wanted, order = data::BatchOrder(images.size(), wanted.batch, wanted.seed)](std::int64_t step) mutable {
        const auto all = order.batch(step);
        const std::vector entries(all.begin() + wanted.shard.begin(wanted.batch),
                                  all.begin() + wanted.shard.end(wanted.batch));
        std::vector<std::int64_t> indices;
        for (const auto& entry : entries) indices.push_back(entry.index);
        const auto bytes = images.augmented_bytes(entries, wanted.seed);
        return Batch{wanted.pinned ? bytes.pin_memory() : bytes, data::labels_of(images, indices, wanted.with_labels),
                     indices};
      },
      wanted.first_step, wanted.end_step);
}

}  // namespace glow::train
