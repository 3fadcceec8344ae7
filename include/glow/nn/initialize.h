#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/batch_moments.h>

#pragma GCC visibility push(default)

namespace glow::nn {

struct InitializeOptions {
  /// Images per forward pass. Limits the memory for activations; changes the result only by rounding.
  std::int64_t chunk = 32;
  /// Sums float64 tensors on the model's device; null: a single process.
  SumOverProcesses sum_over_processes = nullptr;
};

struct InitializeReport {
  /// An actnorm with channels whose standard deviation was below the floor of 1e-3.
  struct Floored {
    /// "levels.0.steps.3.actnorm"
    std::string layer;
    /// The number of these channels; they have (almost) no variance.
    std::int64_t channels;
  };
  std::vector<Floored> floored;
};

}  // namespace glow::nn

#pragma GCC visibility pop
