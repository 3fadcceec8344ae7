#pragma once

#include <cstdint>
#include <vector>

namespace glow::data {

/// A permutation of 0..size-1 from counted random numbers: a pure function of (size, seed, epoch).
std::vector<std::int64_t> epoch_order(std::int64_t size, std::uint64_t seed, std::int64_t epoch);

/// What training step `step` sees: positions step*batch ... step*batch + batch - 1 of the endless sequence of
/// shuffled epochs. Batches run across the end of an epoch, so that no image is dropped.
class BatchOrder {
 public:
  /// `size` images in batches of `batch`. Throws ConfigError (naming batch) unless 1 <= batch <= size.
  BatchOrder(std::int64_t size, std::int64_t batch, std::uint64_t seed);

  struct Entry {
    /// Index of the image in its source.
    std::int64_t index;
    /// Epoch in which it is drawn, from 0.
    std::int64_t epoch;
  };
  /// The `batch` entries of step `step` (from 0), a pure function of (size, batch, seed, step).
  /// Remembers the last epoch's order, so that consecutive steps are cheap; not thread-safe.
  std::vector<Entry> batch(std::int64_t step);

 private:
  std::int64_t size_;
  std::int64_t batch_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace glow::data
