// Glow: Kingma & Dhariwal 2018, arXiv 1807.03039.
#include "nn/families/family.h"

namespace glow::nn {
namespace {

constexpr std::string_view kGlowFields[]{"levels", "depth", "permutation", "coupling", "edge_bias", "learn_top"};

std::string describe_glow(const GlowOptions& options) {
  auto text = counted(options.levels, "level") + " of " + counted(options.depth, "step") + ", width " +
              std::to_string(options.hidden_width) + ", " + to_string(options.coupling) + " coupling, " +
              to_string(options.permutation);
  if (!options.edge_bias) text += ", no edge bias";
  if (!options.learn_top) text += ", fixed top prior";
  return text;
}

std::int64_t glow_parameters(const GlowOptions& options, std::int64_t level) {
  const auto channels = level_shape(options, level).channels;
  const bool splits = level < options.levels - 1;
  return flow_step_parameters(options, level) +
         (splits ? zero_conv_parameters(channels / 2, channels, options.edge_bias ? 1 : 0) : 0);
}

}  // namespace

constinit const FamilySpec kGlowSpec{
    .defaults = {},
    .fields = kGlowFields,
    .validate = [](const GlowOptions&) {},
    .step_count = [](const GlowOptions& options, std::int64_t) { return options.depth; },
    .step_kind = [](const GlowOptions&) { return StepKind::kFlowStep; },
    .has_actnorm = true,
    .learns_split_prior = true,
    .level_parameters = glow_parameters,
    .network_memory = flow_step_memory,
    .describe = describe_glow,
};

}  // namespace glow::nn
