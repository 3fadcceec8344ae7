#include "train/batches.h"

#include <algorithm>
#include <numeric>

#include <glow/data/order.h>

namespace glow::train {
namespace {

torch::Tensor labels_of(const data::Images& images, const std::vector<std::int64_t>& indices, bool wanted) {
  return wanted ? images.labels(indices) : torch::Tensor();
}

}  // namespace

Batches training_batches(const data::Images& images, const TrainingOrder& wanted) {
  return Batches(
      [&images, wanted, order = data::BatchOrder(images.size(), wanted.batch, wanted.seed)](std::int64_t step) mutable {
        const auto entries = order.batch(step);
        std::vector<std::int64_t> indices;
        for (const auto& entry : entries) indices.push_back(entry.index);
        const auto bytes = images.augmented_bytes(entries, wanted.seed);
        return Batch{wanted.pinned ? bytes.pin_memory() : bytes, labels_of(images, indices, wanted.with_labels),
                     indices};
      },
      wanted.first_step, wanted.end_step);
}

Batches all_batches(const data::Images& images, std::int64_t batch, bool with_labels) {
  return Batches(
      [&images, batch, with_labels](std::int64_t number) {
        const auto begin = number * batch;
        std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(batch, images.size() - begin)));
        std::iota(indices.begin(), indices.end(), begin);
        return Batch{images.bytes(indices), labels_of(images, indices, with_labels), indices};
      },
      0, (images.size() + batch - 1) / batch);
}

}  // namespace glow::train
