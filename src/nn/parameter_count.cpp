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
  const auto actnorm = options.family == Family::kGlow ? 2 * c : 0;
  return actnorm + permutation_parameters(options.permutation, c) + hidden + zero_conv_parameters(width, outputs, edge);
}

std::int64_t weight_norm_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel) {
  return outputs * (inputs * kernel * kernel + 2);
}

/// With the batch norm's running moments.
std::int64_t residual_parameters(const GlowOptions& options, std::int64_t c, std::int64_t level) {
  const auto width = options.hidden_width << level;
  return 2 * c + weight_norm_parameters(c / 2, width, 3) +
         2 * options.residual_blocks * weight_norm_parameters(width, width, 3) + weight_norm_parameters(width, c, 1) +
         c / 2;
}

std::int64_t dense_parameters(const GlowOptions& options) {
  const auto numbers = options.dimensions() / 2, width = options.hidden_width;
  return width * (numbers + 1) + (options.hidden_layers - 1) * width * (width + 1) + numbers * (width + 1);
}

std::int64_t level_parameters(const GlowOptions& options, std::int64_t level) {
  const auto c = level_shape(options, level).channels;
  const auto steps = step_count(options, level);
  if (options.family == Family::kRealNVP) return steps * residual_parameters(options, c, level);
  if (options.network == NetworkKind::kDense) return steps * dense_parameters(options);
  const bool has_prior = options.family == Family::kGlow && level < options.levels - 1;
  return steps * step_parameters(options, c) +
         (has_prior ? zero_conv_parameters(c / 2, c, options.edge_bias ? 1 : 0) : 0);
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
  std::int64_t count = options.family == Family::kNICE ? options.dimensions() : 0;
  for (std::int64_t l = 0; l < options.levels; ++l) count += level_parameters(options, l);
  return count + top_parameters(options, latent_shape(options, options.levels - 1).channels);
}

}  // namespace glow::nn
