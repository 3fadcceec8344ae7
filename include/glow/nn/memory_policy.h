#pragma once

#include <string>

namespace glow::nn {

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
std::string to_string(MemoryPolicy policy);
/// Throws ConfigError that lists the names when `name` is none of them.
void from_string(const std::string& name, MemoryPolicy& policy);

}  // namespace glow::nn
