// Compares kernels of a GPU with the loops of the CPU. Skipped on a machine without a GPU.
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "ops/patches.h"
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

TEST_P(CudaKernels, PatchesMatchTheCpu) {
  const auto dtype = GetParam() == torch::kDouble ? torch::kDouble : torch::kFloat;
  for (const std::int64_t channels : {1, 6, 7, 24}) {
    for (const std::int64_t size : {1, 5, 16}) {
      const auto wide = images({9, channels + 3, size, size}, 1, dtype), on_gpu = wide.to(torch::kCUDA);
      for (const bool edge : {false, true}) {
        const auto planes = channels + (edge ? 1 : 0), padded = (9 * planes + 7) / 8 * 8;
        for (const std::int64_t length : {9 * planes, padded}) {
          const auto expected = ops::extract_patches(wide.narrow(1, 0, channels), edge, GetParam(), length);
          const auto actual = ops::extract_patches(on_gpu.narrow(1, 0, channels), edge, GetParam(), length);
          EXPECT_TRUE(actual.cpu().equal(expected)) << channels << ' ' << size << ' ' << length;
          const auto sum = wide.clone(), sum_on_gpu = on_gpu.clone();
          ops::add_patches_(sum.narrow(1, 0, channels), expected);
          ops::add_patches_(sum_on_gpu.narrow(1, 0, channels), actual);
          EXPECT_TRUE(close(sum_on_gpu.cpu(), sum, 1e-6)) << channels << ' ' << size << ' ' << length;
        }
      }
      const auto parts = images({9, (9 * channels + 7) / 8 * 8, size, size}, 2, GetParam());
      const auto bias = glow::testing::random_normal({channels}, 3).to(dtype);
      const auto outside = glow::testing::random_normal({9, channels}, 4).to(dtype);
      const auto sum = ops::sum_patches(parts.to(torch::kCUDA), bias.to(torch::kCUDA), outside.to(torch::kCUDA));
      EXPECT_TRUE(close(sum.cpu(), ops::sum_patches(parts, bias, outside), 1e-6)) << channels << ' ' << size;
    }
  }
}

TEST_P(CudaKernels, MapGradientsMatchTheCpu) {
  if (GetParam() == torch::kBFloat16) GTEST_SKIP() << "maps are not rounded";
  for (const std::int64_t channels : {1, 12, 24, 48, 49}) {
    for (const std::int64_t size : {1, 5, 64}) {
      const auto gradient = images({9, channels, size, size}, 1, GetParam());
      const auto x = images({9, channels, size, size}, 2, GetParam());
      const auto on_gpu = [&] {
        return ops::pixel_product_parameter_gradients(gradient.to(torch::kCUDA), x.to(torch::kCUDA));
      };
      const auto expected = ops::pixel_product_parameter_gradients(gradient.to(torch::kDouble), x.to(torch::kDouble));
      const auto actual = on_gpu();
      EXPECT_TRUE(close(actual.weight.cpu(), expected.weight, 1e-4)) << channels << ' ' << size;
      EXPECT_TRUE(close(actual.bias.cpu(), expected.bias, 1e-4)) << channels << ' ' << size;
      EXPECT_TRUE(on_gpu().weight.equal(actual.weight)) << channels << ' ' << size;
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
