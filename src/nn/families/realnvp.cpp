// RealNVP: Dinh et al. 2016, arXiv 1605.08803.
#include <glow/checks.h>

#include "nn/families/family.h"

namespace glow::nn {
namespace {

constexpr std::string_view kRealNvpFields[]{"levels", "residual_blocks"};

std::int64_t weight_norm_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel) {
  return outputs * (inputs * kernel * kernel + 2);
}

std::int64_t realnvp_steps(const GlowOptions& options, std::int64_t level) {
  // The last scale has four checkerboard couplings alone.
  return level == options.levels - 1 ? 4 : options.depth;
}

/// With the running moments of the batch norms.
std::int64_t realnvp_parameters(const GlowOptions& options, std::int64_t level) {
  const auto channels = level_shape(options, level).channels, width = options.hidden_width << level;
  const auto blocks = 2 * options.residual_blocks * weight_norm_parameters(width, width, 3);
  const auto network = weight_norm_parameters(channels / 2, width, 3) + blocks +
                       weight_norm_parameters(width, channels, 1) + channels / 2;
  return realnvp_steps(options, level) * (2 * channels + network);
}

NetworkMemory realnvp_memory(const GlowOptions& options, std::int64_t level, double hidden_size) {
  const auto channels = static_cast<double>(level_shape(options, level).channels);
  const auto wide = hidden_size * static_cast<double>(options.hidden_width << level);
  // The input of every convolution; after the last, shift and scale.
  return {static_cast<double>(2 * options.residual_blocks + 2) * wide + 3 * channels, 4 * wide};
}

void validate_realnvp(const GlowOptions& options) {
  require_range("hidden_width", options.hidden_width, 1, kWidestHidden >> (options.levels - 1));
}

std::string describe_realnvp(const GlowOptions& options) {
  return "RealNVP, " + counted(options.levels, "level") + ", networks of " +
         counted(options.residual_blocks, "residual block") + ", width " + std::to_string(options.hidden_width) +
         " doubling with each level";
}

}  // namespace

constinit const FamilySpec kRealNvpSpec{
    .defaults = {.levels = 2,
                 .depth = 6,
                 .hidden_width = 64,
                 .permutation = PermutationKind::kShuffle,
                 .edge_bias = false,
                 .learn_top = false,
                 .family = Family::kRealNVP},
    .fields = kRealNvpFields,
    .validate = validate_realnvp,
    .step_count = realnvp_steps,
    .step_kind = [](const GlowOptions&) { return StepKind::kCouplingStep; },
    .preprocessing = Preprocessing::kLogits,
    .normalizes_by_batch = true,
    .level_parameters = realnvp_parameters,
    .network_memory = realnvp_memory,
    .describe = describe_realnvp,
};

}  // namespace glow::nn
