// NICE: Dinh et al. 2014, arXiv 1410.8516.
#include <glow/error.h>

#include "nn/families/family.h"

namespace glow::nn {
namespace {

constexpr std::string_view kNiceFields[]{"depth", "network", "hidden_layers", "prior"};

bool is_dense(const GlowOptions& options) { return options.network == NetworkKind::kDense; }

std::int64_t nice_parameters(const GlowOptions& options, std::int64_t level) {
  if (!is_dense(options)) return flow_step_parameters(options, level);
  const auto numbers = options.dimensions() / 2, width = options.hidden_width;
  return options.depth *
         (width * (numbers + 1) + (options.hidden_layers - 1) * width * (width + 1) + numbers * (width + 1));
}

NetworkMemory nice_memory(const GlowOptions& options, std::int64_t level, double hidden_size) {
  if (!is_dense(options)) return flow_step_memory(options, level, hidden_size);
  const auto shape = level_shape(options, level);
  const auto channels = static_cast<double>(shape.channels), width = static_cast<double>(options.hidden_width);
  const auto pixels = static_cast<double>(shape.height * shape.width);
  return {hidden_size * static_cast<double>(options.hidden_layers) * width / pixels + channels, channels};
}

void validate_nice(const GlowOptions& options) {
  if (!is_dense(options) && options.hidden_layers != GlowOptions{}.hidden_layers) {
    throw ConfigError("hidden_layers",
                      "only a dense network has layers to choose, got " + std::to_string(options.hidden_layers));
  }
  constexpr std::int64_t kMostDimensions = 1 << 20;
  if (is_dense(options) && options.dimensions() > kMostDimensions) {
    throw ConfigError("network", "a dense one is for images of at most " + std::to_string(kMostDimensions) +
                                     " numbers, these have " + std::to_string(options.dimensions()));
  }
}

std::string describe_nice(const GlowOptions& options) {
  auto text = "NICE, " + counted(options.depth, "step") + ", " + to_string(options.network) + " networks of width " +
              std::to_string(options.hidden_width);
  if (is_dense(options)) text += " and " + counted(options.hidden_layers, "hidden layer");
  return text + ", " + to_string(options.prior) + " prior";
}

}  // namespace

constinit const FamilySpec kNiceSpec{
    .defaults = {.levels = 1,
                 .depth = 4,
                 .permutation = PermutationKind::kReverse,
                 .coupling = CouplingKind::kAdditive,
                 .edge_bias = false,
                 .learn_top = false,
                 .family = Family::kNICE},
    .fields = kNiceFields,
    .validate = validate_nice,
    .step_count = [](const GlowOptions& options, std::int64_t) { return options.depth; },
    .step_kind =
        [](const GlowOptions& options) { return is_dense(options) ? StepKind::kCouplingStep : StepKind::kFlowStep; },
    .preprocessing = Preprocessing::kShift,
    .scales_top = true,
    .level_parameters = nice_parameters,
    .network_memory = nice_memory,
    .describe = describe_nice,
};

}  // namespace glow::nn
