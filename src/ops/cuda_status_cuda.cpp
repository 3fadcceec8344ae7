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
  if (result != cudaErrorNoDevice) status.error = cudaGetErrorString(result);
  cudaGetLastError();  // the error must not appear in a later call
}

std::string device_id(int index) {
  char id[32] = "";
  if (cudaDeviceGetPCIBusId(id, sizeof id, index) != cudaSuccess) cudaGetLastError();
  return id;
}

}  // namespace glow::ops::cuda
