#pragma once

#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <glow/nn/glow.h>

#include "nn/permutation.h"
#include "nn/weight_source.h"
#include "support/tensors.h"

namespace glow::testing {

/// A random value for a parameter of this name: nonzero, and small enough that the layers' outputs are of the order of
/// one. Also fills the triangles of `lower` and `upper` that the layer must ignore.
inline torch::Tensor random_value(const std::string& name, const torch::Tensor& parameter, nn::WeightSource& source) {
  const auto value = source.normal(parameter.sizes());
  if (name.ends_with("log_scale") || name.ends_with("log_diagonal")) return value * 0.1;
  if (name.ends_with("bias")) return value * 0.3;
  if (name.ends_with("running_mean")) return value * 0.3;
  if (name.ends_with("running_variance")) return value.square() * 0.5 + 0.5;
  if (name.ends_with("bound")) return value * 0.1 + 0.5;
  if (name.ends_with("weight_g")) return value * 0.1 + 0.5;
  const bool hidden = name.ends_with("conv1.weight") || name.ends_with("conv2.weight");
  const auto inputs = static_cast<double>(parameter.numel()) / static_cast<double>(parameter.size(0));
  return value * ((hidden ? 1.0 : 0.4) / std::sqrt(inputs));
}

/// Sets the weights that random_value cannot: a matrix close to a rotation, random signs, and a random order.
inline void randomize_permutation(nn::PermutationImpl& permutation, nn::WeightSource& source) {
  if (permutation.kind() == nn::PermutationKind::kConv1x1) {
    const auto channels = permutation.weight.size(0);
    // In a statement of its own, because compilers evaluate the operands of + in different orders.
    const auto change = source.normal({channels, channels}) * 0.05;
    permutation.weight.copy_(source.rotation(channels) + change);
  }
  if (permutation.kind() == nn::PermutationKind::kLU) {
    permutation.sign_diagonal.copy_(source.normal(permutation.sign_diagonal.sizes()).sign());
  }
  if (permutation.kind() != nn::PermutationKind::kConv1x1 && permutation.kind() != nn::PermutationKind::kReverse) {
    permutation.indices.copy_(source.permutation(permutation.indices.size(0)));
  }
}

/// Fills every parameter and buffer of the module with random values for which the layers are well-conditioned.
template <class Module>
void randomize(const torch::nn::ModuleHolder<Module>& module, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  nn::WeightSource source(seed);
  for (auto& item : module->named_parameters()) item.value().copy_(random_value(item.key(), item.value(), source));
  for (const auto& part : module->modules()) {
    if (auto* permutation = dynamic_cast<nn::PermutationImpl*>(part.get())) randomize_permutation(*permutation, source);
  }
}

/// A model with random weights, marked as initialised; float64 by default.
inline nn::Glow random_model(const nn::GlowOptions& options, std::uint64_t seed = 1,
                             torch::Dtype dtype = torch::kDouble) {
  nn::Glow model(options, seed);
  model->to(dtype);
  randomize(model, seed);
  model->mark_initialized();
  model->eval();
  return model;
}

/// A model initialised from data with small random changes of all weights, as after some training. In a deep model,
/// entirely random weights would be unrealistic.
inline nn::Glow trained_model(const nn::GlowOptions& options, torch::Dtype dtype) {
  nn::Glow model(options, 1);
  model->to(torch::kDouble);
  model->initialize(random_images(options, 16, 2));
  const torch::NoGradGuard no_grad;
  nn::WeightSource source(3);
  for (auto& item : model->named_parameters()) item.value().add_(source.normal(item.value().sizes()) * 0.02);
  model->to(dtype);
  return model;
}

}  // namespace glow::testing
