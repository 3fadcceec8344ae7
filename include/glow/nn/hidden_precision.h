#pragma once

#include <glow/enum_names.h>

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

}  // namespace glow::nn
