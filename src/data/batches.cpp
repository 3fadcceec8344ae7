#include "data/batches.h"

#include <algorithm>

namespace glow::data {
namespace {

/// Including the last, smaller batch.
std::int64_t batch_count(std::int64_t images, std::int64_t batch) { return (images + batch - 1) / batch; }

}  // namespace

torch::Tensor labels_of(const Images& images, const std::vector<std::int64_t>& indices, bool wanted) {
  return wanted ? images.labels(indices) : torch::Tensor();
}

std::pair<std::int64_t, std::int64_t> images_of_shard(std::int64_t images, std::int64_t batch, const Shard& shard) {
  const auto batches = batch_count(images, batch);
  return {std::min(images, shard.begin(batches) * batch), std::min(images, shard.end(batches) * batch)};
}

Batches all_batches(const Images& images, std::int64_t batch, bool with_labels, const Shard& shard) {
  const auto batches = batch_count(images.size(), batch);
  return Batches(
      [&images, batch, with_labels](std::int64_t number) {
        const auto begin = number * batch;
        const auto indices = index_range(begin, std::min(begin + batch, images.size()));
        return Batch{images.bytes(indices), labels_of(images, indices, with_labels), indices};
      },
      shard.begin(batches), shard.end(batches));
}

}  // namespace glow::data
