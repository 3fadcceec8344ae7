#include <glow/nn/flat_parameters.h>

#include <utility>

#include <c10/core/InferenceMode.h>

#include <glow/error.h>

#include "ops/check.h"
#include "ops/checksum.h"

namespace glow::nn {
namespace {

/// A view of `buffer` at `offset` with the parameter's shape; channels_last if it has 4 dimensions.
torch::Tensor view_like(const torch::Tensor& buffer, const torch::Tensor& parameter, std::int64_t offset) {
  const auto piece = buffer.narrow(0, offset, parameter.numel());
  const auto shape = parameter.sizes();
  if (shape.size() != 4) return piece.view(shape);
  return piece.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

std::vector<torch::Tensor> views_like(const torch::Tensor& buffer, const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> views;
  std::int64_t offset = 0;
  for (const auto& parameter : parameters) {
    views.push_back(view_like(buffer, parameter, offset));
    offset += parameter.numel();
  }
  return views;
}

bool is_alike(const torch::Tensor& one, const torch::Tensor& other) {
  return one.scalar_type() == other.scalar_type() && one.device() == other.device();
}

/// Whether both have the same address, strides, dtype and device.
bool is_same_view(const torch::Tensor& tensor, const torch::Tensor& view) {
  return tensor.defined() && tensor.data_ptr() == view.data_ptr() && tensor.strides() == view.strides() &&
         is_alike(tensor, view);
}

}  // namespace

void FlatParameters::gather(const torch::nn::Module& module) {
  const auto moves = moves_;
  *this = FlatParameters();
  moves_ = moves;
  for (const auto& item : module.named_parameters()) {
    names_.push_back(item.key());
    parameters_.push_back(item.value());
  }
  buffers_ = module.buffers();
  for (const auto& buffer : buffers_) buffer_memory_.push_back(buffer.detach());
  move_into_place();
}

void FlatParameters::reattach() {
  if (!are_in_place()) move_into_place();
}

bool FlatParameters::are_in_place() const {
  bool are = true;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& parameter = parameters_[i];
    if (parameter.sizes() != views_[i].sizes()) {
      throw ShapeError(names_[i] + ": expected " + ops::shape_text(views_[i].sizes()) + ", was replaced by " +
                       ops::shape_text(parameter.sizes()));
    }
    are = are && is_same_view(parameter, views_[i]);
  }
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    are = are && buffers_[i].sizes() == buffer_memory_[i].sizes() && is_same_view(buffers_[i], buffer_memory_[i]);
  }
  return are;
}

void FlatParameters::move_into_place() {
  const c10::InferenceMode ordinary_tensors(false);
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> contents;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& parameter = parameters_[i];
    require_alike(i);
    // A parameter may alias another parameter's range of the buffer, which is overwritten below: copy it first.
    const bool lies_in_buffer = values_.defined() && parameter.is_alias_of(values_);
    contents.push_back(lies_in_buffer ? parameter.detach().clone() : parameter.detach());
    count += parameter.numel();
  }
  if (!values_.defined() || !is_alike(values_, contents.front())) {
    values_ = torch::empty({count}, contents.front().options());
    views_ = views_like(values_, parameters_);
    gradients_ = torch::Tensor();
    gradient_views_.clear();
    for (auto& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    views_[i].copy_(contents[i]);
    parameters_[i].set_data(views_[i]);
  }
  std::vector<torch::Tensor> buffer_contents;
  for (const auto& buffer : buffers_) buffer_contents.push_back(buffer.detach().clone());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    auto& memory = buffer_memory_[i];
    const auto& contents_now = buffer_contents[i];
    if (!is_alike(contents_now, memory) || contents_now.sizes() != memory.sizes()) memory = contents_now;
    memory.copy_(contents_now);
    buffers_[i].set_data(memory);
  }
  ++moves_;
}

void FlatParameters::require_alike(std::size_t index) const {
  const auto text = [this](std::size_t i) {
    return c10::toString(parameters_[i].scalar_type()) + std::string(" on ") + parameters_[i].device().str();
  };
  if (is_alike(parameters_[index], parameters_.front())) return;
  throw ConfigError(names_[index], "is " + text(index) + ", " + names_.front() + " is " + text(0) +
                                       "; all parameters of a model are of one dtype and on one device");
}

torch::Tensor FlatParameters::gradients() {
  const c10::InferenceMode ordinary_tensors(false);
  const torch::NoGradGuard no_grad;
  if (!gradients_.defined()) {
    gradients_ = torch::zeros_like(values_);
    gradient_views_ = views_like(gradients_, parameters_);
    // variable_data() removes the view relation: torch::optim detaches gradients in place, which fails for views.
    for (auto& view : gradient_views_) view = view.variable_data();
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& gradient = parameters_[i].mutable_grad();
    if (is_same_view(gradient, gradient_views_[i])) continue;
    if (gradient.defined()) {
      gradient_views_[i].copy_(gradient);
    } else {
      gradient_views_[i].zero_();
    }
    gradient = gradient_views_[i];
  }
  return gradients_;
}

std::uint64_t FlatParameters::checksum() const {
  auto tensors = are_in_place() ? std::vector<torch::Tensor>{values_} : parameters_;
  tensors.insert(tensors.end(), buffers_.begin(), buffers_.end());
  // Equal bits in another dtype or on another device must give another checksum.
  return ops::checksum(tensors) ^ static_cast<std::uint64_t>(dtype()) << 16 ^
         static_cast<std::uint64_t>(device().type()) << 8 ^ static_cast<std::uint64_t>(device().index());
}

}  // namespace glow::nn
