#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include <glow/nn/hidden_precision.h>
#include <glow/nn/memory_policy.h>
#include <glow/nn/options.h>

namespace glow::bench {

/// The options of a benchmark.
struct Settings {
  nn::GlowOptions model;
  nn::MemoryPolicy memory = nn::MemoryPolicy::kStore;
  nn::HiddenPrecision precision = nn::HiddenPrecision::kFull;
  torch::Device device = torch::kCPU;
  bool cuda_graph = false;
  std::int64_t batch = 16;
  int rounds = 5;
  bool json = false;

  /// The dtype of the coupling networks' hidden tensors.
  torch::Dtype hidden_dtype() const {
    return precision == nn::HiddenPrecision::kBf16 ? torch::kBFloat16 : torch::kFloat;
  }
};

/// Reads the command line. With --help it prints the flags and exits. Throws the errors of cxxopts and LibTorch.
Settings parse(int argc, char** argv, const std::string& name, const std::string& what);

/// One line: the model, how it is computed, and the version of LibTorch.
std::string describe(const Settings& settings);

}  // namespace glow::bench
