#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/batch_moments.h>

#pragma GCC visibility push(default)

namespace glow::nn {

/// How GlowImpl::initialize computes the statistics.
struct InitializeOptions {
  /// Images per forward pass. Limits the memory for activations; changes the result only by rounding.
  std::int64_t chunk = 32;
  /// Sums float64 tensors on the model's device; null: a single process.
  SumOverProcesses sum_over_processes = nullptr;
};

/// What GlowImpl::initialize has noticed.
struct InitializeReport {
  /// An actnorm with channels whose standard deviation was below the floor of 1e-3.
  struct Floored {
    /// "levels.0.steps.3.actnorm"
    std::string layer;
    /// The number of these channels; they have (almost) no variance.
    std::int64_t channels;
  };
  /// The actnorms with such channels, in the order of computation.
  std::vector<Floored> floored;
};

}  // namespace glow::nn

#pragma GCC visibility pop
