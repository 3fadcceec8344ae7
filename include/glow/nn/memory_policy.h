#pragma once

#include <cstdint>
#include <string>

#include <glow/nn/options.h>

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

/// Numbers at every pixel of a level that a coupling network computes.
struct NetworkMemory {
  /// That the backward pass needs.
  double activations;
  /// That the backward pass uses besides, for a time.
  double workspace;
};

/// Of one step of level `level`. `hidden_size`: the size of a number of the hidden tensors in units of the others.
NetworkMemory network_memory(const GlowOptions& options, std::int64_t level, double hidden_size);

/// "store", "recompute", "reversible"
std::string to_string(MemoryPolicy policy);
/// Throws ConfigError that lists the names when `name` is none of them.
void from_string(const std::string& name, MemoryPolicy& policy);

}  // namespace glow::nn
