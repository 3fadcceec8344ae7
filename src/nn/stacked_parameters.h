#pragma once

#include <vector>

#include <torch/nn/module.h>

namespace glow::nn {

/// The parameters of K modules with the same parameters, such as the steps of a level, as the rows of a matrix. In a
/// model whose parameters are flat (FlatParameters) the matrix is a view of them: nothing is copied.
class StackedParameters {
 public:
  /// The parameters of `modules` in two parts, the second beginning with the parameter `split` of the first module.
  /// With `adds_gradients` and if the parameters' gradients lie in memory as the parameters do, a backward pass adds to
  /// them itself, and to autograd's nodes and hooks of these parameters they are undefined.
  StackedParameters(const std::vector<const torch::nn::Module*>& modules, const torch::Tensor& split,
                    bool adds_gradients);

  /// [K, ...]: `parameter` of the first module, which belongs to the first part, of all modules. Differentiable.
  torch::Tensor all(const torch::Tensor& parameter) const;
  /// [K, numbers]: the second part. Rows may be apart, the numbers of a row are not. Differentiable.
  const torch::Tensor& second() const { return second_; }
  /// The memory of the gradient of second(), [K, numbers], if a backward pass may add to it and return it as the
  /// gradient; else undefined.
  const torch::Tensor& second_gradient() const { return second_gradient_; }

 private:
  std::vector<torch::Tensor> of_first_module_;
  torch::Tensor first_, second_, second_gradient_;
};

}  // namespace glow::nn
