#include <string>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

#include <glow/data/images.h>
#include <glow/error.h>

#include "images/array.h"
#include "ops/check.h"

namespace glow::data {
namespace {

/// Its labels may be larger than those of files, which are bytes.
class TensorSource final : public images::ArraySource {
 public:
  TensorSource(Content content, torch::Tensor labels) : ArraySource(std::move(content)), labels_(std::move(labels)) {}

  std::int64_t label(std::int64_t index) const override {
    return labels_.defined() ? labels_.data_ptr<std::int64_t>()[index] : -1;
  }

 private:
  torch::Tensor labels_;
};

void check_tensors(const torch::Tensor& bytes, const torch::Tensor& labels) {
  if (!bytes.defined()) throw ShapeError("images: expected uint8 [N, C, H, W], got an undefined tensor");
  const bool fits =
      bytes.dim() == 4 && bytes.scalar_type() == torch::kByte && bytes.size(1) * bytes.size(2) * bytes.size(3) > 0;
  if (!fits) {
    throw ShapeError(std::string("images: expected uint8 [N, C, H, W], got ") + c10::toString(bytes.scalar_type()) +
                     " " + ops::shape_text(bytes.sizes()));
  }
  if (!labels.defined()) return;
  if (labels.dim() != 1 || labels.size(0) != bytes.size(0) || labels.scalar_type() != torch::kLong) {
    throw ShapeError("labels: expected int64 [N] with N = " + std::to_string(bytes.size(0)) + ", got " +
                     c10::toString(labels.scalar_type()) + " " + ops::shape_text(labels.sizes()));
  }
}

}  // namespace

Images tensor_images(const torch::Tensor& bytes, const torch::Tensor& labels) {
  check_tensors(bytes, labels);
  // [N, H, W, C] in memory of its own.
  const auto pixels = bytes.permute({0, 2, 3, 1}).to(torch::kCPU).clone(at::MemoryFormat::Contiguous);
  const auto own_labels = labels.defined() ? labels.to(torch::kCPU).clone(at::MemoryFormat::Contiguous) : labels;
  const Geometry geometry{.height = static_cast<int>(pixels.size(1)), .width = static_cast<int>(pixels.size(2))};
  const std::string_view content(reinterpret_cast<const char*>(pixels.data_ptr<std::uint8_t>()),
                                 static_cast<std::size_t>(pixels.numel()));
  const io::ImageShape shape{geometry.height, geometry.width, static_cast<int>(pixels.size(3))};
  return {std::make_shared<TensorSource>(
              images::ArraySource::Content{.shape = shape,
                                           .bytes = content,
                                           .owner = std::make_shared<const torch::Tensor>(pixels),
                                           .labels = {},
                                           .name = "the tensor"},
              own_labels),
          geometry};
}

}  // namespace glow::data
