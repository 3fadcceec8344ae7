#include "tools/train/train_summary.h"

#include <gtest/gtest.h>

namespace glow::tools::train_summary_test {
namespace {

Compute on_gpu(nn::HiddenPrecision hidden = nn::HiddenPrecision::kFull) {
  return {.device = {torch::kCUDA, 0}, .hidden = hidden, .text = "cuda:0, 16 threads, fp32", .gpu_has_bf16 = true};
}

TEST(DeviceText, SaysWhetherStepsAreCudaGraphs) {
  TrainSettings settings;
  EXPECT_EQ(device_text(settings, {.text = "cpu, 2 threads, fp32"}, 1), "cpu, 2 threads, fp32");
  EXPECT_EQ(device_text(settings, on_gpu(), 8), "cuda:0, 16 threads, fp32, CUDA graph");
  settings.training.memory = nn::MemoryPolicy::kReversible;
  EXPECT_EQ(device_text(settings, on_gpu(), 1),
            "cuda:0, 16 threads, fp32, no CUDA graph (memory reversible waits for the device)");
}

TEST(PrecisionNote, IsForNewRunsInFp32OnAGpuWithBf16) {
  TrainSettings settings;
  const auto note = precision_note(settings, on_gpu(), 1);
  EXPECT_NE(note.find("--precision bf16"), std::string::npos) << note;
  auto old = on_gpu(), wide = on_gpu();
  old.gpu_has_bf16 = false;
  wide.dtype = torch::kDouble;
  for (const auto& compute : {old, wide, on_gpu(nn::HiddenPrecision::kBf16), on_gpu(nn::HiddenPrecision::kTf32),
                              Compute{.text = "cpu, 2 threads, fp32"}}) {
    EXPECT_EQ(precision_note(settings, compute, 1), "");
  }
  settings.run.resume = true;
  EXPECT_EQ(precision_note(settings, on_gpu(), 1), "");
}

TEST(MemoryEstimate, CountsHiddenTensorsLibrariesAndTheGraph) {
  const nn::GlowOptions model;
  const train::TrainOptions usual;
  auto eager = usual;
  eager.cuda_graph = false;
  const auto full = estimate_memory(model, usual, on_gpu(), 1),
             rounded = estimate_memory(model, usual, on_gpu(nn::HiddenPrecision::kBf16), 1),
             without_graph = estimate_memory(model, eager, on_gpu(), 1),
             of_two = estimate_memory(model, usual, on_gpu(), 2);
  EXPECT_LT(rounded.activations, 0.6 * full.activations);
  EXPECT_EQ(rounded.parameters, full.parameters);
  EXPECT_LT(without_graph.activations, full.activations);
  EXPECT_GT(without_graph.activations, 0.9 * full.activations);
  EXPECT_LT(of_two.activations, 0.51 * full.activations);
  EXPECT_GT(of_two.libraries, full.libraries);
  EXPECT_EQ(estimate_memory(model, usual, {}, 1).libraries, 0);
}

}  // namespace
}  // namespace glow::tools::train_summary_test
