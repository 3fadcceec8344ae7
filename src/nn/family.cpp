#include "nn/family.h"

#include <algorithm>
#include <array>

#include <glow/checks.h>
#include <glow/error.h>

namespace glow::nn {
namespace {

// Parts that families share.

std::int64_t permutation_parameters(PermutationKind kind, std::int64_t channels) {
  switch (kind) {
    case PermutationKind::kConv1x1:
      return channels * channels;
    case PermutationKind::kLU:
      return 2 * channels * channels + channels;
    case PermutationKind::kReverse:
    case PermutationKind::kShuffle:
      break;
  }
  return 0;
}

/// Parameters of a ZeroConv; `edge`: planes for the edge bias, 0 or 1.
std::int64_t zero_conv_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t edge) {
  return outputs * (inputs + edge) * 9 + 2 * outputs;
}

/// Parameters of all FlowSteps of a level.
std::int64_t flow_step_parameters(const GlowOptions& options, std::int64_t level) {
  const auto channels = level_shape(options, level).channels, width = options.hidden_width;
  const std::int64_t edge = options.edge_bias ? 1 : 0;
  const auto actnorm = family_spec(options.family).has_actnorm ? 2 * channels : 0;
  const auto hidden = width * (channels / 2 + edge) * 9 + width * width + 4 * width;
  const auto output = zero_conv_parameters(width, ops::coupling_outputs(options.coupling, channels), edge);
  return options.depth * (actnorm + permutation_parameters(options.permutation, channels) + hidden + output);
}

/// nn::network_memory of a FlowStep.
NetworkMemory flow_step_memory(const GlowOptions& options, std::int64_t level, double hidden_size) {
  const auto channels = level_shape(options, level).channels;
  const auto inputs = static_cast<double>(channels / 2 + 1), width = static_cast<double>(options.hidden_width);
  const auto outputs = static_cast<double>(ops::coupling_outputs(options.coupling, channels));
  return {hidden_size * 2 * width + outputs, hidden_size * (2 * width + 9 * inputs + 9 * outputs)};
}

/// "1 level", "3 levels"
std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Glow: Kingma & Dhariwal 2018, arXiv 1807.03039.

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

constexpr FamilySpec kGlowSpec{
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

// RealNVP: Dinh et al. 2016, arXiv 1605.08803.

constexpr std::string_view kRealNvpFields[]{"levels", "residual_blocks"};

std::int64_t weight_norm_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel) {
  return outputs * (inputs * kernel * kernel + 2);
}

std::int64_t realnvp_steps(const GlowOptions& options, std::int64_t level) {
  // The last scale has four checkerboard couplings and no channel-wise ones.
  return level == options.levels - 1 ? 4 : options.depth;
}

/// Includes the running moments of the batch norms.
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
  // The input of every convolution, and the outputs shift and scale.
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

constexpr FamilySpec kRealNvpSpec{
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
    .step_kind = [](const GlowOptions&) { return StepKind::kResidualStep; },
    .preprocessing = Preprocessing::kLogits,
    .normalizes_by_batch = true,
    .level_parameters = realnvp_parameters,
    .network_memory = realnvp_memory,
    .describe = describe_realnvp,
};

// NICE: Dinh et al. 2014, arXiv 1410.8516.

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
    throw ConfigError("hidden_layers", "only a dense network uses it, got " + std::to_string(options.hidden_layers));
  }
  constexpr std::int64_t kMostDimensions = 1 << 20;
  if (is_dense(options) && options.dimensions() > kMostDimensions) {
    throw ConfigError("network", "a dense network is limited to images of " + std::to_string(kMostDimensions) +
                                     " numbers, these have " + std::to_string(options.dimensions()));
  }
}

std::string describe_nice(const GlowOptions& options) {
  auto text = "NICE, " + counted(options.depth, "step") + ", " + to_string(options.network) + " networks of width " +
              std::to_string(options.hidden_width);
  if (is_dense(options)) text += " and " + counted(options.hidden_layers, "hidden layer");
  return text + ", " + to_string(options.prior) + " prior";
}

constexpr FamilySpec kNiceSpec{
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
        [](const GlowOptions& options) { return is_dense(options) ? StepKind::kDenseStep : StepKind::kFlowStep; },
    .preprocessing = Preprocessing::kShift,
    .scales_top = true,
    .level_parameters = nice_parameters,
    .network_memory = nice_memory,
    .describe = describe_nice,
};

/// In the order of Family.
constexpr std::array kSpecs{&kGlowSpec, &kRealNvpSpec, &kNiceSpec};

std::int64_t top_parameters(const GlowOptions& options, std::int64_t channels) {
  std::int64_t count = 0;
  if (family_spec(options.family).scales_top) count += options.dimensions();
  if (options.learn_top) count += 4 * channels + (options.edge_bias ? 18 * channels : 0);
  const auto classes = options.num_classes;
  if (classes > 0) count += 2 * channels * classes + 4 * channels + classes * channels + 2 * classes;
  return count;
}

bool lists(const FamilySpec& spec, std::string_view name) {
  return std::find(spec.fields.begin(), spec.fields.end(), name) != spec.fields.end();
}

}  // namespace

const FamilySpec& family_spec(Family family) {
  const auto index = static_cast<std::size_t>(family);
  if (index < kSpecs.size()) return *kSpecs[index];
  throw ConfigError("family", "expected one of " + all_names<Family>() + ", got number " + std::to_string(index));
}

GlowOptions GlowOptions::of_family(Family family) { return family_spec(family).defaults; }

bool has_field(Family family, std::string_view name) {
  const bool is_common = std::none_of(kSpecs.begin(), kSpecs.end(), [&](auto* spec) { return lists(*spec, name); });
  return is_common || lists(family_spec(family), name);
}

std::int64_t step_count(const GlowOptions& options, std::int64_t level) {
  return family_spec(options.family).step_count(options, level);
}

bool normalizes_by_batch(const GlowOptions& options) { return family_spec(options.family).normalizes_by_batch; }

std::string describe(const GlowOptions& options) { return family_spec(options.family).describe(options); }

NetworkMemory network_memory(const GlowOptions& options, std::int64_t level, double hidden_size) {
  return family_spec(options.family).network_memory(options, level, hidden_size);
}

std::int64_t parameter_count(const GlowOptions& options) {
  const auto& family = family_spec(options.family);
  auto count = top_parameters(options, latent_shape(options, options.levels - 1).channels);
  for (std::int64_t l = 0; l < options.levels; ++l) count += family.level_parameters(options, l);
  return count;
}

}  // namespace glow::nn
