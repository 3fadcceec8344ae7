#pragma once

#include <optional>
#include <string>

namespace glow::ops {

/// What is known about CUDA on this machine, from LibTorch, the driver and the system.
struct CudaStatus {
  /// Whether LibTorch is a CUDA build.
  bool in_build = false;
  /// The CUDA version of the build and the newest one that the driver supports, as 1000 major + 10 minor; 0: unknown,
  /// no driver.
  int build_version = 0, driver_version = 0;
  int devices = 0;
  /// Of counting the devices; empty when it succeeded or found that there are none.
  std::string error = {};
  bool is_driver_too_old = false;
  /// The environment variable CUDA_VISIBLE_DEVICES.
  std::optional<std::string> visible_devices = {};
  /// Whether a driver of NVIDIA's is loaded and reachable: in a container, whether it has access to a GPU.
  bool has_gpu = false;
};

CudaStatus read_cuda_status();

/// Why no CUDA device can be used; empty when one can.
std::string cuda_problem(const CudaStatus& status);

/// Whether a CUDA build would be expected to use a GPU of this machine and cannot.
bool wastes_gpu(const CudaStatus& status);

namespace cuda {
/// Sets the members of `status` that a CUDA build knows.
void read_driver(CudaStatus& status);
std::string device_id(int index);
/// The major compute capability, 8 for Ampere; 0: unknown.
int compute_capability(int index);
}  // namespace cuda

}  // namespace glow::ops
