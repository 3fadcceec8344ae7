#pragma once

#include <cstdint>

#include <glow/enum_names.h>
#include <glow/nn/options.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// The precision of the coupling networks' hidden tensors, matrix products and their gradients. Flow variables, scales,
/// log-determinants and parameters always have the model's dtype. Networks in another precision define a different flow
/// with an exact density of its own, but its inverse is exact only up to that rounding.
enum class HiddenPrecision {
  /// The model's dtype.
  kFull,
  /// On CUDA: float32, with the factors of products rounded to TF32 (10 bits of mantissa). Elsewhere: the model's
  /// dtype.
  kTf32,
  /// bfloat16, with sums in float32. Faster only on processors with bfloat16 instructions; elsewhere it only saves
  /// memory.
  kBf16,
};

/// "full", "tf32", "bf16"
constexpr EnumNames<HiddenPrecision, 3> enum_names(HiddenPrecision) {
  return {"precision",
          {{{"full", HiddenPrecision::kFull}, {"tf32", HiddenPrecision::kTf32}, {"bf16", HiddenPrecision::kBf16}}}};
}

/// The tensors of every flow step that a forward pass keeps for the backward pass.
enum class MemoryPolicy {
  /// All that the backward pass uses: the flow variable, the hidden layers and the network's output.
  kStore,
  /// Only the flow variable. The backward pass recomputes the coupling network.
  kRecompute,
  /// None. The backward pass also recomputes the flow variable by the steps' inverses, from the output of the level.
  kReversible,
};

/// "store", "recompute", "reversible"
constexpr EnumNames<MemoryPolicy, 3> enum_names(MemoryPolicy) {
  return {"memory",
          {{{"store", MemoryPolicy::kStore},
            {"recompute", MemoryPolicy::kRecompute},
            {"reversible", MemoryPolicy::kReversible}}}};
}

/// The memory of a coupling network, in elements per pixel of the level.
struct NetworkMemory {
  /// Kept for the backward pass.
  double activations;
  /// Used temporarily during the backward pass, in addition.
  double workspace;
};

/// The memory of one step of level `level`. `hidden_size`: the element size of the hidden tensors relative to the other
/// tensors.
NetworkMemory network_memory(const GlowOptions& options, std::int64_t level, double hidden_size);

}  // namespace glow::nn

#pragma GCC visibility pop
