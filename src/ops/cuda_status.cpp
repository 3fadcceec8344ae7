#include "ops/cuda_status.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace glow::ops {
namespace {

namespace fs = std::filesystem;

/// "12.2"
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The first line of a file of the kernel; empty when it cannot be read.
std::string first_line_of(const fs::path& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

/// Whether the kernel lists a display controller of NVIDIA's on a PCI bus. In a container it lists the host's.
bool has_nvidia_gpu() {
  std::error_code error;
  for (const auto& device : fs::directory_iterator("/sys/bus/pci/devices", error)) {
    const bool is_display = first_line_of(device.path() / "class").starts_with("0x03");
    if (is_display && first_line_of(device.path() / "vendor") == "0x10de") return true;
  }
  return fs::exists("/dev/nvidiactl", error);
}

}  // namespace

CudaStatus read_cuda_status() {
  CudaStatus status;
  if (const char* devices = std::getenv("CUDA_VISIBLE_DEVICES")) status.visible_devices = devices;
  status.has_gpu = has_nvidia_gpu();
  cuda::read_driver(status);
  return status;
}

std::string cuda_problem(const CudaStatus& status) {
  if (status.devices > 0) return "";
  if (!status.in_build) return status.has_gpu ? "LibTorch is a build without CUDA, which cannot use the GPU" : "";
  if (status.driver_version > 0 && status.driver_version < status.build_version && !status.error.empty()) {
    return "the NVIDIA driver is too old: it supports CUDA " + version_text(status.driver_version) +
           ", and LibTorch is built for CUDA " + version_text(status.build_version);
  }
  if (status.driver_version == 0) {
    return status.has_gpu
               ? "there is an NVIDIA GPU, but its driver is not reachable: it is not installed, or this is a container "
                 "without access to the GPU"
               : "";
  }
  if (!status.error.empty()) return "the NVIDIA driver reports: " + status.error;
  if (status.visible_devices) return "CUDA_VISIBLE_DEVICES='" + *status.visible_devices + "' hides all GPUs";
  return status.has_gpu ? "the NVIDIA driver finds no GPU" : "";
}

}  // namespace glow::ops
