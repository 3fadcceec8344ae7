#include <cstddef>
#include <cstdio>
#include <string>

#include <cuda_runtime_api.h>

#include "ops/cuda_status.h"

namespace glow::ops::cuda {

void read_driver(CudaStatus& status) {
  status.in_build = true;
  status.build_version = CUDART_VERSION;
  if (cudaDriverGetVersion(&status.driver_version) != cudaSuccess) status.driver_version = 0;
  const auto result = cudaGetDeviceCount(&status.devices);
  if (result == cudaSuccess) return;
  status.devices = 0;
  status.is_driver_too_old = result == cudaErrorInsufficientDriver;
  if (result != cudaErrorNoDevice) status.error = cudaGetErrorString(result);
  cudaGetLastError();  // the error must not appear in a later call
}

std::string device_id(int index) {
  cudaDeviceProp properties{};
  if (index < 0) cudaGetDevice(&index);
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) {
    cudaGetLastError();
    return "";
  }
  // As `nvidia-smi -L` prints it: GPU-8932f937-d72c-4106-c12f-20bd9faed9f6.
  std::string id = "GPU";
  for (std::size_t i = 0; i < sizeof properties.uuid.bytes; ++i) {
    char byte[3] = "";
    std::snprintf(byte, sizeof byte, "%02x", static_cast<unsigned char>(properties.uuid.bytes[i]));
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += byte;
  }
  return id;
}

int compute_capability(int index) {
  int major = 0;
  if (index < 0) cudaGetDevice(&index);
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index) == cudaSuccess) return major;
  cudaGetLastError();
  return 0;
}

}  // namespace glow::ops::cuda
