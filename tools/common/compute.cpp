#include "tools/common/compute.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <glow/checks.h>
#include <glow/cores.h>
#include <glow/error.h>
#include <glow/images/worker_pool.h>
#include <glow/nearest_name.h>
#include <glow/ops/runtime.h>

#include "tools/common/memory_limit.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// "cpu", "cuda" or "cuda:N"
torch::Device parse_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  if (name == "cuda") return torch::kCUDA;
  const std::string prefix = "cuda:";
  const auto digits = name.starts_with(prefix) ? name.substr(prefix.size()) : "";
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  constexpr std::size_t kMostDigits = 2;  // DeviceIndex has 8 bits
  if (!is_number || digits.size() > kMostDigits) {
    throw ConfigError("device", name + ": expected auto, cpu, cuda or cuda:N");
  }
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(std::stoi(digits))};
}

torch::Device find_device(const std::string& name) {
  if (name == "auto") return torch::cuda::is_available() ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  const auto device = parse_device(name);
  ops::require_device("device", device);
  return device == torch::Device(torch::kCUDA) ? torch::Device(torch::kCUDA, 0) : device;
}

nn::HiddenPrecision hidden_precision(Precision precision) {
  if (precision == Precision::kTf32) return nn::HiddenPrecision::kTf32;
  return precision == Precision::kBf16 ? nn::HiddenPrecision::kBf16 : nn::HiddenPrecision::kFull;
}

}  // namespace

Compute start_computing(const ComputeSettings& settings) {
  constexpr std::int64_t kMostThreads = 1024;
  require_range("threads", settings.threads, 0, kMostThreads);
  const auto wanted = settings.threads != 0 ? settings.threads : default_threads();
  // LibTorch convolves in float64 by a product in each thread.
  const auto products = settings.precision == Precision::kFp64 ? wanted : 1;
  require_threads_and_memory(wanted, settings.data_threads != 0 ? settings.data_threads : wanted, products);
  ops::use_threads(static_cast<int>(wanted));
  ops::reserve_blas_memory(static_cast<int>(products));
  ops::keep_freed_memory();
  const auto device = find_device(settings.device);
  // Kernels, streams and memory statistics of LibTorch belong to the current device.
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(torch::kCUDA).setDevice(device);
  if (settings.precision == Precision::kTf32 && !device.is_cuda()) {
    throw ConfigError("precision", "tf32 needs a CUDA device, and this is " + device.str());
  }
  const auto dtype = settings.precision == Precision::kFp64 ? torch::kDouble : torch::kFloat;
  const std::int64_t threads = at::get_num_threads();
  images::use_data_threads(settings.data_threads != 0 ? settings.data_threads : threads);
  const auto problem = settings.device == "auto" && device.is_cpu() ? ops::unused_gpu() : "";
  return {device,
          dtype,
          hidden_precision(settings.precision),
          device.str() + ", " + count_text(threads, "thread") + ", " + to_string(settings.precision),
          problem.empty() ? "" : "note: computing on the CPU: " + problem + " (--device cpu: without this note)",
          ops::gpu_multiplies_bfloat16(device)};
}

nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info) {
  auto model = nn::load_model(path, compute.device, info);
  model->to(compute.dtype);
  model->set_hidden_precision(compute.hidden);
  return model;
}

namespace {

std::string choices(const std::vector<std::string>& names, std::int64_t classes) {
  std::string text = "0 to " + std::to_string(classes - 1);
  for (const auto& name : names) text += ", " + name;
  return text;
}

}  // namespace

std::int64_t find_class(const std::string& wanted, const nn::Glow& model) {
  const auto classes = model->options().num_classes;
  if (wanted.empty()) return -1;
  if (classes == 0) throw ConfigError("class", "the model is unconditional and has none");
  const auto& names = model->class_names();
  const auto named = std::find(names.begin(), names.end(), wanted);
  if (named != names.end()) return named - names.begin();
  std::int64_t index = -1;
  const auto end = wanted.data() + wanted.size();
  const auto [stopped, error] = std::from_chars(wanted.data(), end, index);
  if (error == std::errc() && stopped == end && index >= 0 && index < classes) return index;
  throw ConfigError(
      "class", "expected one of " + choices(names, classes) + ", got '" + wanted + "'" + did_you_mean(wanted, names));
}

}  // namespace glow::tools
