#pragma once

#include <string>

#include <glow/nn/options.h>
#include <glow/train/options.h>
#include <glow/train/training_run.h>

#include "tools/common/compute.h"
#include "tools/common/processes.h"
#include "tools/train/train_settings.h"
#include "tools/train/trial.h"

namespace glow::tools {

/// Memory that training needs in each process, in bytes.
struct MemoryEstimate {
  /// The parameters and tensors of their size: gradients, moments, averages.
  double parameters;
  /// The tensors that a batch keeps for the backward pass, and the workspace of that pass.
  double activations;
  /// On a GPU: what the driver, cuBLAS and, with several processes, NCCL need themselves.
  double libraries = 0;

  double sum() const { return parameters + activations + libraries; }
};

/// An estimate from the shapes, the memory policy and the precision, for one process; excludes memory that the
/// libraries need on the CPU.
MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes);

/// One screen about a run before its start: model, data, length, device, memory.
std::string describe_start(const TrainSettings& settings, const ImageSplits& images, const Compute& compute,
                           const Processes& processes);

/// The lines of a dry run about its trial.
std::string describe_trial(const Trial& trial, const train::TrainOptions& training, std::int64_t train_images);

/// "cuda:0, 16 threads, bf16, CUDA graph"
std::string device_text(const TrainSettings& settings, const Compute& compute, std::int64_t processes);

/// A note for a new run in float32 on a GPU that has faster products, with the memory that they need; else empty.
std::string precision_note(const TrainSettings& settings, const Compute& compute, std::int64_t processes);

/// A note for a new run with the model that is the default, which is too large for a small set; else empty.
std::string small_set_note(const TrainSettings& settings, const ImageSplits& images);

/// "3.3512 +- 0.0021 bits/dim of 10,000 images"
std::string score_text(const evaluate::ScoreSummary& score);

/// One screen about a finished run: best scores and files.
std::string describe_end(const TrainSettings& settings, const ImageSplits& images, const train::RunResult& result,
                         double seconds);

}  // namespace glow::tools
