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

/// The same, but no device can be used.
CudaStatus unusable() {
  auto status = usable();
  status.devices = 0;
  return status;
}

TEST(CudaStatusTest, UsableDeviceIsNoProblem) {
  auto status = usable();
  EXPECT_EQ(cuda_problem(status), "");
  EXPECT_FALSE(wastes_gpu(status));
  status.visible_devices = "0";
  EXPECT_EQ(cuda_problem(status), "");
}

TEST(CudaStatusTest, EveryReasonIsNamed) {
  auto status = unusable();
  EXPECT_EQ(cuda_problem(status), "the NVIDIA driver finds no GPU");
  status.visible_devices = "";
  EXPECT_EQ(cuda_problem(status), "CUDA_VISIBLE_DEVICES='' hides every GPU");
  status.error = "all CUDA-capable devices are busy or unavailable";
  EXPECT_EQ(cuda_problem(status),
            "no GPU can be used; the NVIDIA driver reports: all CUDA-capable devices are busy or unavailable");
  // A driver of an older minor version may be new enough.
  status.driver_version = 13000;
  status.build_version = 13020;
  EXPECT_NE(cuda_problem(status).find("busy"), std::string::npos);
  status.driver_version = 12020;
  status.is_driver_too_old = true;
  EXPECT_EQ(
      cuda_problem(status),
      "the NVIDIA driver is too old for the GPU to be used: it supports CUDA 12.2, and LibTorch is built for CUDA "
      "13.2");
  status.driver_version = 0;
  EXPECT_EQ(cuda_problem(status), "the NVIDIA driver does not answer, so no GPU can be used");
  status.has_gpu = false;
  EXPECT_EQ(cuda_problem(status), "LibTorch finds no NVIDIA GPU, or no driver");
  EXPECT_EQ(cuda_problem({}), "LibTorch is a build without CUDA, which cannot use a GPU");
}

TEST(CudaStatusTest, GpuIsMissedOnlyWhereThisBuildCouldUseIt) {
  EXPECT_TRUE(wastes_gpu(unusable()));
  auto status = unusable();
  status.has_gpu = false;
  EXPECT_FALSE(wastes_gpu(status));
  status = unusable();
  status.in_build = false;
  EXPECT_FALSE(wastes_gpu(status));
}

TEST(CudaStatusTest, ReadsThisMachine) {
  const auto status = read_cuda_status();
  EXPECT_EQ(status.devices > 0, torch::cuda::is_available());
  EXPECT_EQ(status.devices > 0, cuda_problem(status).empty());
  if (status.devices > 0) return;
  EXPECT_TRUE(throws<ConfigError>([] { require_device("device", torch::kCUDA); }, {"cuda", cuda_problem(status)}));
}

}  // namespace
}  // namespace glow::ops::cuda_status_test
