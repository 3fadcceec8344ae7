#include "data/batches.h"

#include <algorithm>
#include <numeric>

namespace glow::data {
namespace {

/// The last is what remains.
std::int64_t batch_count(std::int64_t images, std::int64_t batch) { return (images + batch - 1) / batch; }

}  // namespace

torch::Tensor labels_of(const Images& images, const std::vector<std::int64_t>& indices, bool wanted) {
  return wanted ? images.labels(indices) : torch::Tensor();
}

std::pair<std::int64_t, std::int64_t> images_of_share(std::int64_t images, std::int64_t batch, const Share& share) {
  const auto batches = batch_count(images, batch);
  return {std::min(images, share.begin(batches) * batch), std::min(images, share.end(batches) * batch)};
}

Batches all_batches(const Images& images, std::int64_t batch, bool with_labels, const Share& share) {
  const auto batches = batch_count(images.size(), batch);
  return Batches(
      [&images, batch, with_labels](std::int64_t number) {
        const auto begin = number * batch;
        std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(batch, images.size() - begin)));
        std::iota(indices.begin(), indices.end(), begin);
        return Batch{images.bytes(indices), labels_of(images, indices, with_labels), indices};
      },
      share.begin(batches), share.end(batches));
}

}  // namespace glow::data
