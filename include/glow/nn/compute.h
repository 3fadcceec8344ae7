#pragma once

#include <cstdint>

#include <glow/enum_names.h>
#include <glow/nn/options.h>

namespace glow::nn {

/// What the hidden tensors of the coupling networks, their products and their gradients are computed in. All else (flow
/// variables, scales, log-determinants, parameters) is in the model's dtype. A model that rounds more is another
/// function with an exact density of its own, but its inverse is exact only up to that rounding.
enum class HiddenPrecision {
  /// The model's dtype.
  kFull,
  /// On CUDA, float32 of which products see the first 10 bits; a model's dtype elsewhere.
  kTf32,
  /// bfloat16, with sums in float32. Fast where the processor multiplies it; else it only saves memory.
  kBf16,
};

/// "full", "tf32", "bf16"
constexpr EnumNames<HiddenPrecision, 3> enum_names(HiddenPrecision) {
  return {"precision",
          {{{"full", HiddenPrecision::kFull}, {"tf32", HiddenPrecision::kTf32}, {"bf16", HiddenPrecision::kBf16}}}};
}

/// What a forward pass keeps of every flow step for the backward pass.
enum class MemoryPolicy {
  /// Everything that it needs: the flow variable, the hidden layers, the network's output and its folded weights.
  kStore,
  /// The flow variable alone; the coupling network is computed again.
  kRecompute,
  /// Nothing: the flow variable too is rebuilt, by the step's inverse, from the end of the level.
  kReversible,
};

/// "store", "recompute", "reversible"
constexpr EnumNames<MemoryPolicy, 3> enum_names(MemoryPolicy) {
  return {"memory",
          {{{"store", MemoryPolicy::kStore},
            {"recompute", MemoryPolicy::kRecompute},
            {"reversible", MemoryPolicy::kReversible}}}};
}

/// Numbers at every pixel of a level that a coupling network computes.
struct NetworkMemory {
  /// That the backward pass needs.
  double activations;
  /// That the backward pass uses besides, for a time.
  double workspace;
};

/// Of one step of level `level`. `hidden_size`: the size of a number of the hidden tensors in units of the others.
NetworkMemory network_memory(const GlowOptions& options, std::int64_t level, double hidden_size);

}  // namespace glow::nn
