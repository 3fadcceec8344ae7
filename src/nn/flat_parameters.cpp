#include <glow/nn/flat_parameters.h>

namespace glow::nn {
namespace {

/// The piece of `buffer` at `offset` in the parameter's shape; 4-dimensional ones in channels_last order.
torch::Tensor view_like(const torch::Tensor& buffer, const torch::Tensor& parameter, std::int64_t offset) {
  const auto piece = buffer.narrow(0, offset, parameter.numel());
  const auto shape = parameter.sizes();
  if (shape.size() != 4) return piece.view(shape);
  return piece.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

std::uint64_t version_of(const torch::Tensor& tensor) {
  // Inference tensors are immutable outside inference mode and have no version.
  return tensor.is_inference() ? 0 : static_cast<std::uint64_t>(tensor._version());
}

}  // namespace

void FlatParameters::gather(const torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  parameters_ = module.parameters();
  buffers_ = module.buffers();
  gradients_ = torch::Tensor();
  std::int64_t count = 0;
  for (const auto& parameter : parameters_) count += parameter.numel();
  values_ = torch::empty({count}, parameters_.front().options().requires_grad(false));
  std::int64_t offset = 0;
  for (auto& parameter : parameters_) {
    auto view = view_like(values_, parameter, offset);
    view.copy_(parameter);
    parameter.mutable_grad() = torch::Tensor();
    parameter.set_data(view);
    offset += parameter.numel();
  }
}

torch::Tensor FlatParameters::gradients() {
  if (!gradients_.defined()) {
    gradients_ = torch::zeros_like(values_);
    std::int64_t offset = 0;
    for (auto& parameter : parameters_) {
      parameter.mutable_grad() = view_like(gradients_, parameter, offset);
      offset += parameter.numel();
    }
  }
  return gradients_;
}

std::uint64_t FlatParameters::fingerprint() const {
  // FNV-1a over where every tensor lies and how often it was written.
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3U; };
  mix(version_of(values_));
  for (const auto* tensors : {&parameters_, &buffers_}) {
    for (const auto& tensor : *tensors) {
      mix(version_of(tensor));
      mix(reinterpret_cast<std::uintptr_t>(tensor.data_ptr()));
    }
  }
  return hash;
}

}  // namespace glow::nn
