#include "nn/families/family.h"

#include <algorithm>
#include <array>

#include <glow/error.h>

namespace glow::nn {
namespace {

/// In the order of Family.
constexpr std::array kSpecs{&kGlowSpec, &kRealNvpSpec, &kNiceSpec};

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

const FamilySpec& family_spec(Family family) { return *kSpecs.at(static_cast<std::size_t>(family)); }

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

std::int64_t zero_conv_parameters(std::int64_t inputs, std::int64_t outputs, std::int64_t edge) {
  return outputs * (inputs + edge) * 9 + 2 * outputs;
}

std::int64_t flow_step_parameters(const GlowOptions& options, std::int64_t level) {
  const auto channels = level_shape(options, level).channels, width = options.hidden_width;
  const std::int64_t edge = options.edge_bias ? 1 : 0;
  const auto actnorm = family_spec(options.family).has_actnorm ? 2 * channels : 0;
  const auto hidden = width * (channels / 2 + edge) * 9 + width * width + 4 * width;
  const auto output = zero_conv_parameters(width, ops::coupling_outputs(options.coupling, channels), edge);
  return options.depth * (actnorm + permutation_parameters(options.permutation, channels) + hidden + output);
}

NetworkMemory flow_step_memory(const GlowOptions& options, std::int64_t level, double hidden_size) {
  const auto channels = level_shape(options, level).channels;
  const auto inputs = static_cast<double>(channels / 2 + 1), width = static_cast<double>(options.hidden_width);
  const auto outputs = static_cast<double>(ops::coupling_outputs(options.coupling, channels));
  return {hidden_size * 2 * width + outputs, hidden_size * (2 * width + 9 * inputs + 9 * outputs)};
}

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace glow::nn
