#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/data/prefetcher.h>
#include <glow/shard.h>

namespace glow::data {

/// A batch of images on the CPU.
struct Batch {
  /// uint8 [N, C, H, W]
  torch::Tensor bytes;
  /// int64 [N]; undefined when labels were not requested.
  torch::Tensor labels;
  /// Global index of each image.
  std::vector<std::int64_t> indices;
};

using Batches = Prefetcher<Batch>;

/// int64 [N], or undefined when not `wanted`.
torch::Tensor labels_of(const Images& images, const std::vector<std::int64_t>& indices, bool wanted);

/// The range [first, end) of the images in one shard of all_batches.
std::pair<std::int64_t, std::int64_t> images_of_shard(std::int64_t images, std::int64_t batch, const Shard& shard);

/// All images in their order in batches of `batch`, the last possibly smaller, or a shard of these batches; made on a
/// background thread. `images` must outlive the result.
Batches all_batches(const Images& images, std::int64_t batch, bool with_labels, const Shard& shard = {});

}  // namespace glow::data
