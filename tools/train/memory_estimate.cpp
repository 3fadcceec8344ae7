#include "tools/train/memory_estimate.h"

#include <algorithm>

#include <glow/nn/compute.h>

namespace glow::tools {
namespace {

/// Tensors of the parameters' size: parameters, gradients, two moments, the average, the averaged model and its folded
/// weights; and, during a step, the gradients of a level, which for the deepest level are about half of all.
constexpr double kCopiesOfParameters = 7.5;

/// Values per pixel of a level.
struct PixelNumbers {
  /// Kept by a flow step for its backward pass.
  double kept;
  /// Used temporarily by the backward pass of one step.
  double used;
};

PixelNumbers pixel_numbers(const nn::GlowOptions& model, std::int64_t level, nn::MemoryPolicy memory,
                           double hidden_size) {
  const auto channels = static_cast<double>(nn::level_shape(model, level).channels);
  const auto [activations, workspace] = nn::network_memory(model, level, hidden_size);
  const auto used = workspace + 4 * channels;
  switch (memory) {
    case nn::MemoryPolicy::kStore:
      return {channels + activations, used};
    case nn::MemoryPolicy::kRecompute:
      return {channels, used + activations};
    case nn::MemoryPolicy::kReversible:
      break;
  }
  return {0, used + activations + 2 * channels};
}

}  // namespace

MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes) {
  const double hidden_size = compute.hidden == nn::HiddenPrecision::kBf16 ? 0.5 : 1;
  // Number of images in the largest part.
  const auto parts = processes * training.accumulate;
  const auto images = (training.batch + parts - 1) / parts;
  double kept = 0, used = 0;
  for (std::int64_t level = 0; level < model.levels; ++level) {
    const auto shape = nn::level_shape(model, level);
    const auto pixels = static_cast<double>(images * shape.height * shape.width);
    const auto numbers = pixel_numbers(model, level, training.memory, hidden_size);
    constexpr double kEnds = 3;  // the input and output of a level, and its latent
    kept += pixels * (static_cast<double>(nn::step_count(model, level)) * numbers.kept +
                      kEnds * static_cast<double>(shape.channels));
    used = std::max(used, pixels * numbers.used);
  }
  const auto number_size = static_cast<double>(c10::elementSize(compute.dtype));
  // With kStore the folded weights are kept as well.
  const double copies = kCopiesOfParameters + (training.memory == nn::MemoryPolicy::kStore ? hidden_size : 0);
  return {.parameters = copies * number_size * static_cast<double>(nn::parameter_count(model)),
          .activations = number_size * (kept + used)};
}

}  // namespace glow::tools
