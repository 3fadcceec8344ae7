#include "ops/cuda_status.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace glow::ops {
namespace {

/// "12.2"
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

CudaStatus read_cuda_status() {
  CudaStatus status;
  if (const char* devices = std::getenv("CUDA_VISIBLE_DEVICES")) status.visible_devices = devices;
  std::error_code error;
  status.has_gpu = std::filesystem::exists("/dev/nvidiactl", error);
  cuda::read_driver(status);
  return status;
}

std::string cuda_problem(const CudaStatus& status) {
  if (status.devices > 0) return "";
  if (!status.in_build) return "LibTorch is a build without CUDA, which cannot use a GPU";
  if (status.is_driver_too_old && status.driver_version > 0) {
    return "the NVIDIA driver is too old for the GPU to be used: it supports CUDA " +
           version_text(status.driver_version) + ", and LibTorch is built for CUDA " +
           version_text(status.build_version);
  }
  if (status.driver_version == 0) {
    return status.has_gpu ? "the NVIDIA driver does not answer, so no GPU can be used"
                          : "LibTorch finds no NVIDIA GPU, or no driver";
  }
  if (!status.error.empty()) return "no GPU can be used; the NVIDIA driver reports: " + status.error;
  if (status.visible_devices) return "CUDA_VISIBLE_DEVICES='" + *status.visible_devices + "' hides every GPU";
  return "the NVIDIA driver finds no GPU";
}

bool wastes_gpu(const CudaStatus& status) { return status.in_build && status.has_gpu && status.devices == 0; }

}  // namespace glow::ops
