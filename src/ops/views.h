#pragma once

#include <cstdint>

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <c10/core/TensorImpl.h>

namespace glow::ops {

/// A contiguous view of the memory of `owner` from its element `offset` on, without a graph. LibTorch's own views pass
/// its dispatcher, which takes longer than a small kernel.
inline at::Tensor view_at(const at::Tensor& owner, std::int64_t offset, at::IntArrayRef sizes) {
  auto view = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(owner.storage()), owner.key_set(), owner.dtype());
  auto* impl = view.unsafeGetTensorImpl();
  impl->set_storage_offset(owner.storage_offset() + offset);
  impl->set_sizes_contiguous(sizes);
  return view;
}

/// The pixels of x [N, C, H, W], channels_last, as rows: a view [N*H*W, C] without a graph.
inline at::Tensor rows_view(const at::Tensor& x) {
  return view_at(x, 0, {x.size(0) * x.size(2) * x.size(3), x.size(1)});
}

/// rows [N*H*W, C], contiguous, as images of the size of `like`: a channels_last view [N, C, H, W] without a graph.
inline at::Tensor images_view(const at::Tensor& rows, const at::Tensor& like) {
  auto images = view_at(rows, 0, {like.size(0), rows.size(1), like.size(2), like.size(3)});
  images.unsafeGetTensorImpl()->empty_tensor_restride(at::MemoryFormat::ChannelsLast);
  return images;
}

/// The first half of the channels of x [N, C, H, W]: a view without a graph.
inline at::Tensor first_half_view(const at::Tensor& x) {
  auto half = view_at(x, 0, {0});
  const std::int64_t sizes[] = {x.size(0), x.size(1) / 2, x.size(2), x.size(3)};
  half.unsafeGetTensorImpl()->set_sizes_and_strides(at::IntArrayRef(sizes), x.strides());
  return half;
}

/// A new tensor on the CPU, without LibTorch's dispatcher; its numbers are undefined.
inline at::Tensor empty_on_cpu(at::IntArrayRef sizes, at::ScalarType dtype,
                               at::MemoryFormat format = at::MemoryFormat::Contiguous) {
  return at::Tensor(at::detail::empty_cpu(sizes, dtype, /*pin_memory=*/false, format));
}

}  // namespace glow::ops
