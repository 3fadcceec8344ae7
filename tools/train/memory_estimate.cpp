#include "tools/train/memory_estimate.h"

#include <glow/nn/model_file.h>

namespace glow::tools {
namespace {

constexpr double kCopiesOfParameters = 6;
/// Tensors of a flow step as large as its input, and as the hidden layers of its coupling network.
constexpr double kFlowTensors = 8;
constexpr double kHiddenTensors = 4;

}  // namespace

MemoryEstimate estimate_memory(const nn::GlowOptions& model, std::int64_t batch, torch::Dtype dtype) {
  double numbers_per_image = 0;
  for (std::int64_t level = 0; level < model.levels; ++level) {
    const auto shape = nn::level_shape(model, level);
    const auto pixels = static_cast<double>(shape.height * shape.width);
    const auto per_pixel =
        kFlowTensors * static_cast<double>(shape.channels) + kHiddenTensors * static_cast<double>(model.hidden_width);
    numbers_per_image += static_cast<double>(model.depth) * pixels * per_pixel;
  }
  const auto number_size = static_cast<double>(c10::elementSize(dtype));
  return {.parameters = kCopiesOfParameters * number_size * static_cast<double>(nn::parameter_count(model)),
          .activations = number_size * static_cast<double>(batch) * numbers_per_image};
}

}  // namespace glow::tools
