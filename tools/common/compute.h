#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

namespace glow::tools {

enum class Precision { kFp32, kFp64 };

/// "fp32", "fp64"
std::string to_string(Precision precision);
/// Throws ConfigError that lists the names.
void from_string(const std::string& name, Precision& precision);

/// Where and how a tool computes.
struct ComputeSettings {
  /// "auto", "cpu", "cuda" or "cuda:1"
  std::string device = "auto";
  Precision precision = Precision::kFp32;
  /// 0: as many as the process may use.
  std::int64_t threads = 0;
};

template <class Visitor>
void visit_fields(ComputeSettings& settings, Visitor&& visit) {
  visit("device", settings.device);
  visit("precision", settings.precision);
  visit("threads", settings.threads);
}

struct Compute {
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat;
  /// "cpu, 2 threads, fp32"
  std::string text;
};

/// Sets the threads and finds the device. Throws ConfigError naming the field: a device that LibTorch does not have,
/// threads out of range.
Compute start_computing(const ComputeSettings& settings);

}  // namespace glow::tools
