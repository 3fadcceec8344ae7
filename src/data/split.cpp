#include <glow/data/split.h>

#include <algorithm>
#include <utility>

#include <glow/error.h>
#include <glow/ops/random.h>

namespace glow::data {

SubsetSource::SubsetSource(std::shared_ptr<const images::ImageSource> source, std::vector<std::int64_t> indices)
    : source_(std::move(source)), indices_(std::move(indices)) {
  for (const std::int64_t index : indices_)
    if (index < 0 || index >= source_->size())
      throw ShapeError("subset: index " + std::to_string(index) + " is outside the source's " +
                       std::to_string(source_->size()) + " images");
}

std::int64_t default_valid_images(std::int64_t train_images) { return std::min<std::int64_t>(5000, train_images / 10); }

images::DataSet hold_out_validation(images::DataSet set, std::int64_t count, std::uint64_t seed) {
  if (count < 0 && set.valid) return set;
  const std::int64_t size = set.train->size();
  if (count < 0) count = default_valid_images(size);
  if (count >= size)
    throw ConfigError("valid_images", std::to_string(count) + " leaves no training image of the " +
                                          std::to_string(size) + " in " + set.name);
  set.valid = nullptr;
  if (count == 0) return set;

  std::vector<std::int64_t> train =
      ops::random_permutation({.seed = seed, .stream = ops::Stream::kValidationSplit, .step = 0}, size);
  std::vector<std::int64_t> valid(train.begin(), train.begin() + count);
  train.erase(train.begin(), train.begin() + count);
  std::sort(valid.begin(), valid.end());
  std::sort(train.begin(), train.end());
  set.valid = std::make_shared<SubsetSource>(set.train, std::move(valid));
  set.train = std::make_shared<SubsetSource>(set.train, std::move(train));
  return set;
}

}  // namespace glow::data
