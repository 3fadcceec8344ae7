#include <glow/data/order.h>

#include <string>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/ops/random.h>

namespace glow::data {

std::vector<std::int64_t> epoch_order(std::int64_t size, std::uint64_t seed, std::int64_t epoch) {
  return ops::random_permutation({.seed = seed, .stream = ops::Stream::kShuffle, .step = epoch}, size);
}

BatchOrder::BatchOrder(std::int64_t size, std::int64_t batch, std::uint64_t seed)
    : size_(size), batch_(batch), seed_(seed) {
  require_at_least("batch", batch, 1);
  if (batch > size)
    throw ConfigError("batch", "expected at most " + std::to_string(size) + ", the number of training images, got " +
                                   std::to_string(batch));
}

std::vector<BatchOrder::Entry> BatchOrder::batch(std::int64_t step) {
  std::vector<Entry> entries;
  entries.reserve(static_cast<std::size_t>(batch_));
  for (std::int64_t position = step * batch_; position < (step + 1) * batch_; ++position) {
    const std::int64_t epoch = position / size_;
    if (epoch != epoch_) {
      order_ = epoch_order(size_, seed_, epoch);
      epoch_ = epoch;
    }
    entries.push_back({order_[position % size_], epoch});
  }
  return entries;
}

}  // namespace glow::data
