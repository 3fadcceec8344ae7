#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// All parameters of a module as views of one buffer, so that optimiser steps, weight averages, norms and checkpoints
/// are operations on one tensor. The order is that of Module::named_parameters; convolution weights are stored
/// channels_last.
///
/// Some LibTorch functions give a parameter new memory (torch::load, Tensor::set_data, Tensor::set_, Module::to) or
/// drop its gradient (Module::zero_grad(true)). `reattach` and `gradients` restore the views.
class FlatParameters {
 public:
  /// Moves the module's parameters into a new buffer of their common dtype and device; drops their gradients.
  void gather(const torch::nn::Module& module);
  /// Restores the views: a parameter that is no longer a view of the flat buffer becomes one again and keeps its
  /// current values; the module's buffers return to their original memory. The flat buffer remains the same tensor
  /// unless the parameters' dtype or device has changed. Throws ShapeError if a parameter's shape has changed,
  /// ConfigError if the parameters differ in dtype or device.
  void reattach();
  /// The number of times that `gather` or `reattach` has moved parameters. When it changes, pointers to the parameters'
  /// memory and references to their autograd nodes are invalid.
  std::int64_t moves() const { return moves_; }

  /// The flat buffer, [number of parameters], without gradient. A write to it changes the parameters that are views of
  /// it.
  const torch::Tensor& values() const { return values_; }
  /// The dtype of all parameters.
  torch::Dtype dtype() const { return parameters_.front().scalar_type(); }
  /// The device of all parameters.
  torch::Device device() const { return parameters_.front().device(); }

  /// The gradients of all parameters, [number of parameters]. A gradient that is not a view of this tensor becomes one
  /// and keeps its value; an undefined gradient becomes 0.
  torch::Tensor gradients();

  /// A checksum of the values, dtype and device of all parameters and buffers of the module. Any change of a value
  /// changes it, whichever function wrote. Reads all values once. Throws ShapeError as `reattach` does.
  std::uint64_t checksum() const;

 private:
  /// Whether every parameter is its view of the flat buffer and every module buffer is in its original memory. Throws
  /// ShapeError.
  bool are_in_place() const;
  void move_into_place();
  /// Throws ConfigError unless parameter `index` has the dtype and device of the first parameter.
  void require_alike(std::size_t index) const;

  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> buffers_;
  /// The original memory of buffers_.
  std::vector<torch::Tensor> buffer_memory_;
  torch::Tensor values_;
  /// Views of `values_`, one per parameter.
  std::vector<torch::Tensor> views_;
  torch::Tensor gradients_;
  std::vector<torch::Tensor> gradient_views_;
  std::int64_t moves_ = 0;
};

}  // namespace glow::nn

#pragma GCC visibility pop
