#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/batch_moments.h>

namespace glow::nn {

struct InitializeOptions {
  /// Images that go through the network at once. Neither memory nor, up to rounding, the result depends on more.
  std::int64_t chunk = 32;
  /// Of float64 tensors on the model's device.
  SumOverProcesses sum_over_processes = nullptr;
};

struct InitializeReport {
  /// An actnorm in which the floor on the standard deviation acted.
  struct Floored {
    /// "levels.0.steps.3.actnorm"
    std::string layer;
    /// How many of its channels carry (almost) no variance.
    std::int64_t channels;
  };
  std::vector<Floored> floored;
};

}  // namespace glow::nn
