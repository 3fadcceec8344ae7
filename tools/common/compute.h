#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <torch/types.h>

#include <glow/enum_names.h>
#include <glow/nn/compute.h>
#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>

namespace glow::tools {

/// kFp32, kFp64: the precision of the whole model. kTf32, kBf16: the precision of the coupling networks' hidden tensors
/// in a float32 model.
enum class Precision { kFp32, kFp64, kTf32, kBf16 };

/// "fp32", "fp64", "tf32", "bf16"
constexpr EnumNames<Precision, 4> enum_names(Precision) {
  return {"precision",
          {{{"fp32", Precision::kFp32},
            {"fp64", Precision::kFp64},
            {"tf32", Precision::kTf32},
            {"bf16", Precision::kBf16}}}};
}

/// Where and how a tool computes.
struct ComputeSettings {
  /// "auto", "cpu", "cuda" or "cuda:1"
  std::string device = "auto";
  Precision precision = Precision::kFp32;
  /// 0: default_threads() (glow/cores.h), in several processes this process's part (Processes::own_part).
  std::int64_t threads = 0;
  /// The threads that read and decode images; 0: as many as `threads`.
  std::int64_t data_threads = 0;
  /// Seconds that a process waits for the others at the start, and afterwards. After 5 seconds at the start a line says
  /// what is missing; with a start_timeout of 5 or less only the error at its end does.
  std::int64_t start_timeout = 60, process_timeout = 600;
};

template <class Visitor>
void visit_fields(ComputeSettings& settings, Visitor&& visit) {
  visit("device", settings.device);
  visit("precision", settings.precision);
  visit("threads", settings.threads);
  visit("data_threads", settings.data_threads);
  visit("start_timeout", settings.start_timeout);
  visit("process_timeout", settings.process_timeout);
}

struct Compute {
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat;
  nn::HiddenPrecision hidden = nn::HiddenPrecision::kFull;
  /// "cpu, 2 threads, fp32"
  std::string text;
  /// A line for the user: why `auto` has not chosen the GPU of this machine; mostly empty.
  std::string note = {};
  /// ops::gpu_multiplies_bfloat16 of the device.
  bool gpu_has_bf16 = false;
};

/// Sets the threads and finds the device. Throws ConfigError naming the field: a device that LibTorch does not have,
/// threads out of range, TF32 on the CPU.
Compute start_computing(const ComputeSettings& settings);

/// The model of a file, on the device and in the precision of `compute`. `info`: see nn::load_model. Throws IoError,
/// FormatError.
nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info = nullptr);

/// The index of a class of the model, given by name or index; -1 for an empty text. Throws ConfigError naming `class`
/// when the model does not have it.
std::int64_t find_class(const std::string& wanted, const nn::Glow& model);

}  // namespace glow::tools
