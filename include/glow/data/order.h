#pragma once

#include <cstdint>
#include <vector>

#pragma GCC visibility push(default)

namespace glow::data {

/// A random permutation of 0..size-1, a pure function of (size, seed, epoch).
std::vector<std::int64_t> epoch_order(std::int64_t size, std::uint64_t seed, std::int64_t epoch);

/// The images of each training step: step `step` has positions step*batch ... step*batch + batch - 1 of the infinite
/// sequence of shuffled epochs. Batches cross the ends of epochs, so that no image is dropped.
class BatchOrder {
 public:
  /// `size` images in batches of `batch`. Throws ConfigError (naming batch) unless 1 <= batch <= size.
  BatchOrder(std::int64_t size, std::int64_t batch, std::uint64_t seed);

  /// One image of a batch.
  struct Entry {
    /// Index of the image in its source.
    std::int64_t index;
    /// Epoch in which it is drawn, from 0.
    std::int64_t epoch;
  };
  /// The `batch` entries of step `step` (from 0), a pure function of (size, batch, seed, step).
  /// Caches the order of the last epoch, so that consecutive steps are cheap; not thread-safe.
  std::vector<Entry> batch(std::int64_t step);

 private:
  std::int64_t size_;
  std::int64_t batch_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace glow::data

#pragma GCC visibility pop
