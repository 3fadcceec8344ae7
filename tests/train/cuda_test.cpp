// Compares a GPU with the CPU. Skipped on a machine without a GPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <glow/error.h>
#include <glow/nn/glow.h>
#include <glow/ops/random.h>
#include <glow/train/trainer.h>

#include "ops/channel_map.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "train/step_graph.h"

namespace glow::train::cuda_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::relative_error;
using glow::testing::trained_model;
using nn::Glow;
using nn::GlowOptions;
using nn::HiddenPrecision;
using nn::MemoryPolicy;

class CudaTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  }
  Glow model(torch::Device device, torch::Dtype dtype, HiddenPrecision precision = HiddenPrecision::kFull) const {
    auto made = trained_model(GetParam(), dtype);
    made->to(device);
    made->set_hidden_precision(precision);
    return made;
  }
  /// Undefined for an unconditional model. Others for each `step`.
  static torch::Tensor labels(std::int64_t count, std::int64_t step = 0) {
    const auto classes = GetParam().num_classes;
    return classes > 0 ? (at::arange(count, torch::kLong) + step).remainder(classes) : torch::Tensor();
  }
  /// The gradient of the mean log_prob with respect to the parameters, copied to the CPU.
  static torch::Tensor gradient(Glow made, const torch::Tensor& x, MemoryPolicy memory) {
    made->set_memory_policy(memory);
    const auto gradients = made->flat_parameters().gradients().zero_();
    made->log_prob(x, labels(x.size(0))).mean().backward();
    return gradients.cpu().clone();
  }
};

TEST_P(CudaTest, DensitiesLatentsAndSamplesMatchTheCpu) {
  const torch::NoGradGuard no_grad;
  for (const auto& [dtype, tolerance] : {std::pair{torch::kDouble, 1e-9}, std::pair{torch::kFloat, 2e-3}}) {
    const auto on_cpu = model(torch::kCPU, dtype), on_gpu = model(torch::kCUDA, dtype);
    const auto x = random_images(GetParam(), 5, 4).to(dtype);
    EXPECT_TRUE(close(on_gpu->log_prob(x, labels(5)).cpu(), on_cpu->log_prob(x, labels(5)), tolerance)) << dtype;
    const auto latents = on_gpu->encode(x, labels(5));
    EXPECT_TRUE(close(nn::flatten(latents).cpu(), nn::flatten(on_cpu->encode(x, labels(5))), tolerance)) << dtype;
    EXPECT_TRUE(close(on_gpu->decode(latents, labels(5)).cpu(), x, tolerance)) << dtype;
    EXPECT_TRUE(close(on_gpu->sample(3).cpu(), on_cpu->sample(3), tolerance)) << dtype;
  }
}

TEST_P(CudaTest, LogProbGradientsMatchTheCpu) {
  const auto x = random_images(GetParam(), 5, 4);
  const auto expected = gradient(model(torch::kCPU, torch::kDouble), x, MemoryPolicy::kStore);
  for (const auto memory : {MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
    EXPECT_LE(relative_error(gradient(model(torch::kCUDA, torch::kDouble), x, memory), expected), 1e-9);
    EXPECT_LE(relative_error(gradient(model(torch::kCUDA, torch::kFloat), x, memory).to(torch::kDouble), expected),
              1e-4);
  }
  for (const auto precision : {HiddenPrecision::kTf32, HiddenPrecision::kBf16}) {
    const auto rounded = gradient(model(torch::kCUDA, torch::kFloat, precision), x, MemoryPolicy::kStore);
    EXPECT_LE(relative_error(rounded.to(torch::kDouble), expected), 3e-2) << to_string(precision);
  }
}

TEST_P(CudaTest, DecodeGradientsMatchTheCpu) {
  const auto x = random_images(GetParam(), 3, 4);
  const auto of_decoding = [&](torch::Device device) {
    auto made = model(device, torch::kDouble);
    const auto latents = [&] {
      const torch::NoGradGuard no_grad;
      return made->encode(x.to(device), labels(3));
    }();
    const auto gradients = made->flat_parameters().gradients().zero_();
    made->decode(latents, labels(3)).square().mean().backward();
    return gradients.cpu().clone();
  };
  EXPECT_LE(relative_error(of_decoding(torch::kCUDA), of_decoding(torch::kCPU)), 1e-8);
}

TEST_P(CudaTest, TwelveTrainingStepsMatchTheCpu) {
  const auto& options = GetParam();
  const auto bytes = torch::randint(0, 256, {12, 4, options.channels, options.height, options.width}, torch::kByte);
  const auto train = [&](torch::Device device, bool cuda_graph) {
    auto made = model(device, torch::kDouble);
    Trainer trainer(made, {.batch = 4,
                           .steps = 12,
                           .warmup_epochs = 0,
                           .ema_decay = 0.9,
                           .clip_norm = 1,
                           .weight_y = options.num_classes > 0 ? 0.1 : 0,
                           .cuda_graph = cuda_graph});
    double bits = 0;
    const auto on_device = bytes.to(device);
    for (int step = 0; step < 12; ++step) {
      const auto report = trainer.step(on_device[step], labels(4, step));
      EXPECT_EQ(report.capture_failure, "") << step;
      bits = report.bits_per_dim;
    }
    EXPECT_TRUE(on_device.cpu().equal(bytes));
    return std::pair{bits, trainer.averaged_model()->flat_parameters().values().cpu().clone()};
  };
  const auto [expected_bits, expected] = train(torch::kCPU, false);
  for (const bool cuda_graph : {false, true}) {
    const auto [bits, average] = train(torch::kCUDA, cuda_graph);
    EXPECT_NEAR(bits, expected_bits, 1e-6) << cuda_graph;
    EXPECT_TRUE(close(average, expected, 1e-6)) << cuda_graph;
  }
}

TEST(CudaRecorder, RecordsReplaysAndLeavesTheDeviceUsableAfterAFailure) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const auto recorder = cuda_recorder({torch::kCUDA, 0});
  const auto sum = torch::zeros({1000}, torch::kCUDA);
  const auto add = [&] { sum.add_(torch::ones_like(sum) * 2); };
  recorder->run(add);
  recorder->record(add);
  for (int i = 0; i < 3; ++i) recorder->replay();
  EXPECT_TRUE(sum.cpu().equal(torch::full({1000}, 8.F)));
  const auto failing = cuda_recorder({torch::kCUDA, 0});
  const auto wait = [&] { EXPECT_TRUE((sum * 2).sum().item<float>() > 0); };
  failing->run(wait);
  EXPECT_THROW(failing->record(wait), Error);
  EXPECT_TRUE((sum + 1).cpu().equal(torch::full({1000}, 9.F)));
  EXPECT_EQ(torch::rand({5}, torch::kCUDA).cpu().numel(), 5);  // LibTorch's generator is usable, too
  failing->run(wait);
}

std::vector<GlowOptions> cases() {
  std::vector<GlowOptions> all;
  for (const auto& options :
       every_combination({.height = 8, .width = 16, .levels = 2, .depth = 4, .hidden_width = 24})) {
    if (options.channels == 3) all.push_back(options);
  }
  for (const auto& options : glow::testing::other_families()) {
    if (options.num_classes == 0) all.push_back(options);
  }
  all.push_back({.height = 8, .width = 8, .levels = 2, .depth = 2, .hidden_width = 24, .num_classes = 3});
  // Large enough that a CUDA thread processes several elements, and with more matrices than LibTorch treats as a small
  // stack.
  all.push_back({.height = 64, .width = 64, .levels = 2, .depth = 20, .hidden_width = 96});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, CudaTest, ::testing::ValuesIn(cases()), kCaseName);

TEST(CudaRandom, MatchesTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const ops::RandomKey key{7, ops::Stream::kSample, 3};
  const auto on_cpu = torch::TensorOptions().dtype(torch::kFloat), on_gpu = on_cpu.device(torch::kCUDA);
  for (const std::int64_t count : {1, 6, 3072}) {
    EXPECT_TRUE(ops::uniform(key, {5, 1}, count, on_gpu).cpu().equal(ops::uniform(key, {5, 1}, count, on_cpu)));
    EXPECT_TRUE(close(ops::normal(key, {5, 1}, count, on_gpu).cpu(), ops::normal(key, {5, 1}, count, on_cpu), 1e-6));
  }
}

TEST(CudaChannelMap, LogAbsDetAndInverseMatchTheCpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  for (const std::int64_t channels : {1, 2, 48, 64, 65, 200, 384}) {
    const auto on_cpu = glow::testing::random_normal({33, channels, channels}, channels).requires_grad_();
    const auto on_gpu = on_cpu.detach().to(torch::kCUDA).requires_grad_();
    const auto expected = ops::log_abs_det(on_cpu), actual = ops::log_abs_det(on_gpu);
    EXPECT_TRUE(close(actual.cpu(), expected, 1e-9)) << channels;
    expected.square().sum().backward();
    actual.square().sum().backward();
    EXPECT_LE(relative_error(on_gpu.grad().cpu(), on_cpu.grad()), 1e-8) << channels;
    const auto bias = glow::testing::random_normal({33, channels}, 5), none = torch::zeros({33}, torch::kDouble);
    const auto inverse = ops::invert({on_cpu.detach(), bias, none});
    const auto on_device = ops::invert({on_gpu.detach(), bias.to(torch::kCUDA), none.to(torch::kCUDA)});
    EXPECT_LE(relative_error(on_device.weight.cpu(), inverse.weight), 1e-8) << channels;
    EXPECT_LE(relative_error(on_device.bias.cpu(), inverse.bias), 1e-8) << channels;
  }
}

}  // namespace
}  // namespace glow::train::cuda_test
