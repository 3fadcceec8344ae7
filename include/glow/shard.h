#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#pragma GCC visibility push(default)

namespace glow {

/// One of `count` shards of a list, each of almost the same length: the processes of a run take one each.
struct Shard {
  /// Number of this shard, from 0 to count - 1.
  std::int64_t index = 0;
  /// Number of shards.
  std::int64_t count = 1;

  /// The shard of the indices 0 ... total - 1: begin(total) to end(total) - 1.
  std::int64_t begin(std::int64_t total) const { return total * index / count; }
  /// One past the last index of the shard.
  std::int64_t end(std::int64_t total) const { return total * (index + 1) / count; }
  /// The number of indices of the shard.
  std::int64_t size(std::int64_t total) const { return end(total) - begin(total); }
};

/// begin, begin + 1, ..., end - 1.
inline std::vector<std::int64_t> index_range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}

}  // namespace glow

#pragma GCC visibility pop
