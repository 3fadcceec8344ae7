#include <glow/data/images.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "data/geometry.h"

namespace glow::data {

Images::Images(std::shared_ptr<const ImageSource> source, const Geometry& geometry)
    : source_(std::move(source)), geometry_(geometry) {
  geometry_.validate();
  const bool is_array = source_->common_shape().has_value();
  // One look says it all for an array, whose images have one shape.
  const std::int64_t checked = is_array ? std::min<std::int64_t>(1, size()) : size();
  for (std::int64_t index = 0; index < checked; ++index)
    check_shape(geometry_, source_->shape(index), source_->is_on_black(), source_->name(index));
}

torch::Tensor Images::bytes(const std::vector<std::int64_t>& indices) const {
  const torch::Tensor batch = empty_batch(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i)
    batch[static_cast<std::int64_t>(i)].copy_(apply_geometry(geometry_, pixels(indices[i]), std::nullopt));
  return batch;
}

torch::Tensor Images::augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const {
  const torch::Tensor batch = empty_batch(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto [index, epoch] = entries[i];
    const torch::Tensor picture = pixels(index);
    const Augmentation augmentation = draw_augmentation(seed, epoch, index);
    batch[static_cast<std::int64_t>(i)].copy_(apply_geometry(geometry_, picture, augmentation));
  }
  return batch;
}

torch::Tensor Images::labels(const std::vector<std::int64_t>& indices) const {
  const torch::Tensor labels = at::empty({static_cast<std::int64_t>(indices.size())}, at::kLong);
  std::int64_t* label = labels.data_ptr<std::int64_t>();
  for (const std::int64_t index : indices) {
    check_index(index);
    *label++ = source_->label(index);
  }
  return labels;
}

std::string Images::name(std::int64_t index) const {
  check_index(index);
  return source_->name(index);
}

void Images::check_index(std::int64_t index) const {
  if (index < 0 || index >= size())
    throw ShapeError("images: index " + std::to_string(index) + " is outside the source's " + std::to_string(size()) +
                     " images");
}

torch::Tensor Images::pixels(std::int64_t index) const {
  check_index(index);
  io::Image image = source_->image(index);
  const auto [height, width, channels] = image.shape;
  return at::from_blob(image.pixels.data(), {height, width, channels}, at::kByte)
      .permute({2, 0, 1})
      .clone(at::MemoryFormat::Contiguous);
}

torch::Tensor Images::empty_batch(std::size_t count) const {
  return at::empty({static_cast<std::int64_t>(count), channels(), geometry_.height, geometry_.width}, at::kByte);
}

}  // namespace glow::data
