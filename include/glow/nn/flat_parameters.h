#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace glow::nn {

/// All parameters of a module as views of one buffer, so that optimiser, averages, norms and checkpoints are operations
/// on one tensor. Convolution weights lie in it channels_last; the order is that of Module::named_parameters.
///
/// LibTorch's own functions give a parameter other memory (torch::load, Tensor::set_data, Tensor::set_, Module::to) or
/// drop its gradient (Module::zero_grad(true)). `reattach` and `gradients` make the parameters views again.
class FlatParameters {
 public:
  /// Moves the module's parameters into a new buffer of their common dtype and device; drops their gradients.
  void gather(const torch::nn::Module& module);
  /// Makes views again of the parameters that are none any more, with the values that they have now, and gives the
  /// module's buffers their memory back, too. The flat buffer stays the same tensor unless their dtype or device has
  /// changed. Throws ShapeError for a parameter of another shape, ConfigError for parameters of several dtypes or
  /// devices.
  void reattach();
  /// How often `gather` and `reattach` have moved anything: what knows parameters by their memory or by their autograd
  /// nodes is out of date when it has changed.
  std::int64_t moves() const { return moves_; }

  /// [parameters], without gradient. Writing to it changes the parameters, as long as they are views of it.
  const torch::Tensor& values() const { return values_; }
  torch::Dtype dtype() const { return parameters_.front().scalar_type(); }
  torch::Device device() const { return parameters_.front().device(); }

  /// [parameters]: the parameters' gradients, which are made views of it where they are none. A gradient keeps its
  /// value; one that is undefined becomes 0.
  torch::Tensor gradients();

  /// A checksum of the contents of all parameters and buffers of the module, of their dtype and device: it changes with
  /// every write, by whatever means. Reads them all once. Throws ShapeError as `reattach`.
  std::uint64_t checksum() const;

 private:
  /// Whether every parameter is the view of the buffer that it was, and buffers lie where they did. Throws ShapeError.
  bool are_in_place() const;
  void move_into_place();
  /// Throws ConfigError unless parameter `index` has the first one's dtype and device.
  void require_alike(std::size_t index) const;

  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> buffers_;
  /// Where the buffers lie.
  std::vector<torch::Tensor> buffer_memory_;
  torch::Tensor values_;
  /// Pieces of `values_`, one a parameter.
  std::vector<torch::Tensor> views_;
  torch::Tensor gradients_;
  std::vector<torch::Tensor> gradient_views_;
  std::int64_t moves_ = 0;
};

}  // namespace glow::nn
