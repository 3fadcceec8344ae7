#include "data/batches.h"

#include <algorithm>
#include <numeric>

namespace glow::data {

torch::Tensor labels_of(const Images& images, const std::vector<std::int64_t>& indices, bool wanted) {
  return wanted ? images.labels(indices) : torch::Tensor();
}

Batches all_batches(const Images& images, std::int64_t batch, bool with_labels) {
  return Batches(
      [&images, batch, with_labels](std::int64_t number) {
        const auto begin = number * batch;
        std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(batch, images.size() - begin)));
        std::iota(indices.begin(), indices.end(), begin);
        return Batch{images.bytes(indices), labels_of(images, indices, with_labels), indices};
      },
      0, (images.size() + batch - 1) / batch);
}

}  // namespace glow::data
