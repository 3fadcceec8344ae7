#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

namespace glow::nn {

/// All parameters of a module as views of one buffer, so that optimiser, averages, norms and checkpoints are operations
/// on one tensor. Convolution weights lie in it channels_last; the order is that of Module::named_parameters.
class FlatParameters {
 public:
  /// Moves the module's parameters into a new buffer of their common dtype and device; drops their gradients.
  void gather(const torch::nn::Module& module);

  /// [parameters], without gradient. Writing to it changes the parameters.
  const torch::Tensor& values() const { return values_; }

  /// [parameters]: the parameters' gradients, which are views of it. Made, as zeros, when first asked for.
  torch::Tensor gradients();

  /// A number that changes whenever a parameter or buffer of the module is written to in place, through values() or
  /// directly, or replaced. What is written through Tensor::data or a raw pointer is not seen.
  std::uint64_t fingerprint() const;

 private:
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> buffers_;
  torch::Tensor values_;
  torch::Tensor gradients_;
};

}  // namespace glow::nn
