#pragma once

#include <functional>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>

#include "nn/weight_source.h"
#include "ops/channel_map.h"

namespace glow::nn {

/// Mixes the channels between couplings, by one of four linear maps (Glow, section 3.2).
class PermutationImpl : public torch::nn::Cloneable<PermutationImpl> {
 public:
  PermutationImpl(PermutationKind kind, std::int64_t channels);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  /// Draws the initial value: a random order (shuffle) or a random rotation (conv1x1, lu). Reverse draws nothing.
  void draw(WeightSource& source);

  /// Matrices of several permutations [K, C, C] and log|det| of each [K].
  struct Matrices {
    torch::Tensor weight;
    torch::Tensor log_abs_det;
  };
  /// The stack [K, ...] of a parameter, given that of the first permutation.
  using StackOf = std::function<torch::Tensor(const torch::Tensor& parameter)>;
  /// Stacks the matrices of permutations of one kind and size. `options`: of the result. log|det| comes from
  /// ops::log_abs_det in float64, or from the diagonal of the LU form. Differentiable.
  static Matrices stacked(const std::vector<const PermutationImpl*>& permutations, const StackOf& parameters,
                          const torch::TensorOptions& options);

  PermutationKind kind() const { return kind_; }

  /// Like Module::to, except that the indices remain int64.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  using torch::nn::Module::to;

  /// conv1x1: [C, C]
  torch::Tensor weight;
  /// lu: [C, C]; only the strict triangles are used.
  torch::Tensor lower, upper;
  /// lu: [C]; the diagonal of U is sign_diagonal * exp(log_diagonal). The signs are fixed.
  torch::Tensor log_diagonal, sign_diagonal;
  /// reverse, shuffle: int64 [C], y_i = x_{indices[i]}; lu: row i of P is one-hot at indices[i].
  torch::Tensor indices;

 private:
  void draw_lu(WeightSource& source);

  PermutationKind kind_;
  std::int64_t channels_;
};
TORCH_MODULE(Permutation);

}  // namespace glow::nn
