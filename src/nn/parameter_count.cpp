#include <glow/nn/model_file.h>

namespace glow::nn {
namespace {

std::int64_t permutation_parameters(PermutationKind kind, std::int64_t c) {
  if (kind == PermutationKind::kConv1x1) return c * c;
  if (kind == PermutationKind::kLU) return 2 * c * c + c;
  return 0;
}

std::int64_t zero_conv_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t edge) {
  return outputs * (inputs + edge) * 9 + 2 * outputs;
}

std::int64_t step_parameters(const GlowOptions& options, std::int64_t c) {
  const auto width = options.hidden_width;
  const std::int64_t edge = options.edge_bias ? 1 : 0;
  const auto outputs = options.coupling == CouplingKind::kAffine ? c : c / 2;
  const auto hidden = width * (c / 2 + edge) * 9 + width * width + 4 * width;
  return 2 * c + permutation_parameters(options.permutation, c) + hidden + zero_conv_parameters(width, outputs, edge);
}

std::int64_t top_parameters(const GlowOptions& options, std::int64_t c) {
  std::int64_t count = 0;
  if (options.learn_top) count += 4 * c + (options.edge_bias ? 18 * c : 0);
  const auto classes = options.num_classes;
  if (classes > 0) count += 2 * c * classes + 4 * c + classes * c + 2 * classes;
  return count;
}

}  // namespace

std::int64_t parameter_count(const GlowOptions& options) {
  std::int64_t count = 0;
  for (std::int64_t l = 0; l < options.levels; ++l) {
    const auto c = level_shape(options, l).channels;
    count += options.depth * step_parameters(options, c);
    if (l < options.levels - 1) count += zero_conv_parameters(c / 2, c, options.edge_bias ? 1 : 0);
  }
  return count + top_parameters(options, latent_shape(options, options.levels - 1).channels);
}

}  // namespace glow::nn
