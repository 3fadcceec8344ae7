#include "ops/cuda_status.h"

#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <glow/error.h>
#include <glow/ops/runtime.h>

#include "support/throws.h"

namespace glow::ops::cuda_status_test {
namespace {

using glow::testing::throws;

/// A CUDA build on a machine with a GPU that can be used.
CudaStatus usable() {
  return {.in_build = true, .build_version = 13000, .driver_version = 13010, .devices = 1, .has_gpu = true};
}

TEST(CudaStatusTest, UsableDeviceIsNoProblem) {
  EXPECT_EQ(cuda_problem(usable()), "");
  auto with_variable = usable();
  with_variable.visible_devices = "0";
  EXPECT_EQ(cuda_problem(with_variable), "");
}

TEST(CudaStatusTest, MachineWithoutGpuIsNoProblem) {
  EXPECT_EQ(cuda_problem({.in_build = false}), "");
  EXPECT_EQ(cuda_problem({.in_build = true, .build_version = 13000, .error = "no driver"}), "");
  EXPECT_EQ(cuda_problem({.in_build = true, .build_version = 13000, .driver_version = 13000}), "");
}

TEST(CudaStatusTest, EveryReasonIsNamed) {
  auto status = usable();
  status.devices = 0;
  EXPECT_EQ(cuda_problem(status), "the NVIDIA driver finds no GPU");
  status.visible_devices = "";
  EXPECT_EQ(cuda_problem(status), "CUDA_VISIBLE_DEVICES='' hides all GPUs");
  status.error = "all CUDA-capable devices are busy or unavailable";
  EXPECT_EQ(cuda_problem(status), "the NVIDIA driver reports: all CUDA-capable devices are busy or unavailable");
  status.driver_version = 12020;
  EXPECT_EQ(cuda_problem(status),
            "the NVIDIA driver is too old: it supports CUDA 12.2, and LibTorch is built for CUDA 13.0");
  status.driver_version = 0;
  EXPECT_NE(cuda_problem(status).find("its driver is not reachable"), std::string::npos);
  EXPECT_EQ(cuda_problem({.in_build = false, .has_gpu = true}),
            "LibTorch is a build without CUDA, which cannot use the GPU");
}

TEST(CudaStatusTest, ReadsThisMachine) {
  const auto status = read_cuda_status();
  EXPECT_EQ(status.devices > 0, torch::cuda::is_available());
  if (status.devices > 0) {
    EXPECT_EQ(cuda_problem(status), "");
    return;
  }
  const auto problem = cuda_problem(status);
  EXPECT_TRUE(throws<ConfigError>([] { require_device("device", torch::kCUDA); },
                                  {"cuda", problem.empty() ? "this machine has no NVIDIA GPU" : problem}));
}

}  // namespace
}  // namespace glow::ops::cuda_status_test
