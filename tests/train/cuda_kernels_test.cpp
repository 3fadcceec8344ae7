// Compares kernels of a GPU with the loops of the CPU. Skipped on a machine
// without a GPU.
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "ops/pixel_product.h"
#include "support/tensors.h"
#include "train/optimizer_elements.h"

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

TEST_P(CudaKernels, OptimizerMatchesTheCpu) {
  if (GetParam() == torch::kBFloat16) GTEST_SKIP() << "parameters are not rounded";
  for (const auto kind : {OptimizerKind::kAdamax, OptimizerKind::kAdam}) {
    for (const std::int64_t count : {1, 6, 64, 300'001}) {
      for (const std::int64_t offset : {0, 1}) {  // of views in longer tensors
        const auto made = [&](torch::Device device) {
          const auto random = [&](std::uint64_t seed) {
            const auto values = torch::empty({offset + count}, torch::device(device).dtype(GetParam()));
            return values.narrow(0, offset, count).copy_(glow::testing::random_normal({count}, seed));
          };
          return OptimizerUpdate{.kind = kind,
                                 .beta1 = 0.9,
                                 .beta2 = 0.99,
                                 .epsilon = 1e-8,
                                 .average_gain = 0.1,
                                 .parameters = random(1),
                                 .gradients = random(2),
                                 .first_moment = random(3),
                                 .second_moment = random(4).abs_(),
                                 .average = random(5),
                                 .step_factors = torch::tensor({1e-2, 1.5, 1.0}).to(device, GetParam())};
        };
        const auto expected = made(torch::kCPU), actual = made(torch::kCUDA);
        cpu::update(expected);
        cuda::update(actual);
        for (const auto tensor : {&OptimizerUpdate::parameters, &OptimizerUpdate::first_moment,
                                  &OptimizerUpdate::second_moment, &OptimizerUpdate::average}) {
          EXPECT_TRUE(close((actual.*tensor).cpu(), expected.*tensor, 1e-6)) << count << ' ' << offset;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, ::testing::Values(torch::kFloat, torch::kDouble, torch::kBFloat16),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

}  // namespace
}  // namespace glow::train::cuda_kernels_test
