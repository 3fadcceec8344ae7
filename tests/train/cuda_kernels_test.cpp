// Compares kernels of a GPU with the loops of the CPU. Skipped on a machine without a GPU.
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "ops/pixel_product.h"
#include "support/tensors.h"

namespace glow::train::cuda_kernels_test {
namespace {

using glow::testing::close;

torch::Tensor images(torch::IntArrayRef shape, std::uint64_t seed, torch::Dtype dtype) {
  return glow::testing::random_normal(shape, seed).to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

class CudaKernels : public ::testing::TestWithParam<torch::Dtype> {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_P(CudaKernels, ReluBackwardMatchesTheCpu) {
  for (const std::int64_t channels : {1, 5, 48, 512, 520}) {
    for (const std::int64_t size : {1, 9, 40}) {
      const auto y = images({7, channels, size, size}, 1, GetParam()).relu();
      const auto expected = images(y.sizes(), 2, GetParam());
      const auto actual = expected.to(torch::kCUDA), again = actual.clone();
      const auto sum = ops::relu_backward_(actual, y.to(torch::kCUDA));
      EXPECT_TRUE(close(sum.cpu(), ops::relu_backward_(expected, y), 1e-4)) << channels << ' ' << size;
      EXPECT_TRUE(actual.cpu().equal(expected)) << channels << ' ' << size;
      EXPECT_TRUE(ops::relu_backward_(again, y.to(torch::kCUDA)).equal(sum)) << channels << ' ' << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, ::testing::Values(torch::kFloat, torch::kDouble, torch::kBFloat16),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

}  // namespace
}  // namespace glow::train::cuda_kernels_test
