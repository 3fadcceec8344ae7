#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include <glow/nn/compute.h>
#include <glow/nn/options.h>
#include <glow/train/trainer.h>

#include "tools/common/compute.h"
#include "tools/common/flags.h"

namespace glow::bench {

/// The options of a benchmark.
struct Settings {
  std::string preset = "cifar10";
  /// 0x0: the size of the preset, or 32x32 without one.
  tools::ImageSize image_size;
  nn::GlowOptions model;
  nn::MemoryPolicy memory = nn::MemoryPolicy::kStore;
  bool cuda_graph = true;
  std::int64_t batch = 16;
  /// Timings of each operation; the median is reported.
  int rounds = 5;
  /// One JSON object instead of a table.
  bool json = false;
  tools::ComputeSettings compute{.device = "cpu"};
  /// `start` sets device and precision from `compute`.
  torch::Device device = torch::kCPU;
  nn::HiddenPrecision precision = nn::HiddenPrecision::kFull;

  /// Whether training steps of one process are CUDA graphs.
  bool captures() const {
    return train::why_no_cuda_graph(model, {.memory = memory, .cuda_graph = cuda_graph}, device).empty();
  }
  /// The dtype of the coupling networks' hidden tensors.
  torch::Dtype hidden_dtype() const {
    return precision == nn::HiddenPrecision::kBf16 ? torch::kBFloat16 : torch::kFloat;
  }
};

template <class Visitor>
void visit_fields(Settings& settings, Visitor&& visit) {
  visit("preset", settings.preset);
  visit("image_size", settings.image_size);
  visit_fields(settings.model, visit);
  visit("memory", settings.memory);
  visit("cuda_graph", settings.cuda_graph);
  visit("batch", settings.batch);
  visit("rounds", settings.rounds);
  visit("json", settings.json);
  visit_fields(settings.compute, visit);
}

/// Sets the device and precision of the settings, and the threads of the process. Throws ConfigError.
void start(Settings& settings);

/// Parses the command line and starts; prints --help or --version and exits when that is requested. Throws ConfigError.
Settings parse(int argc, char** argv, const std::string& name, const std::string& what);

/// Two lines: the model, device, threads and precision, and the version of LibTorch; the processor.
std::string describe(const Settings& settings);

/// The same as one JSON object.
tools::Json facts(const Settings& settings);

}  // namespace glow::bench
