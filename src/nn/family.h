#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <glow/nn/compute.h>
#include <glow/nn/options.h>

namespace glow::nn {

/// The step modules of a level.
enum class StepKind {
  /// FlowStep: actnorm, permutation, coupling by three convolutions.
  kFlowStep,
  /// CouplingStep with a ResidualNetwork (RealNVP): batch norm, channel permutation, affine coupling.
  kResidualStep,
  /// CouplingStep with a DenseNetwork (NICE): channel permutation, additive coupling.
  kDenseStep,
};

/// How images x in [-1/2, 1/2) are transformed before the first level.
enum class Preprocessing {
  kNone,
  /// x + 1/2, in [0, 1)
  kShift,
  /// The logits of x + 1/2.
  kLogits,
};

/// Everything that distinguishes a family of flows, without tensors. A new family is an enumerator with its name in
/// options.h and a FamilySpec in family.cpp.
struct FamilySpec {
  /// The defaults; also the required values of the fields that the family does not use.
  GlowOptions defaults;
  /// The names of the GlowOptions fields that the family uses in addition to those of all families.
  std::span<const std::string_view> fields;
  /// Throws ConfigError for invalid values. The ranges that hold for all families have been checked before.
  void (*validate)(const GlowOptions& options);
  /// The number of steps of level `level`.
  std::int64_t (*step_count)(const GlowOptions& options, std::int64_t level);
  StepKind (*step_kind)(const GlowOptions& options);
  Preprocessing preprocessing = Preprocessing::kNone;
  /// Whether a FlowStep begins with an actnorm.
  bool has_actnorm = false;
  /// Whether the prior of a split's latent half is learned; else it is N(0, I).
  bool learns_split_prior = false;
  /// Whether every dimension of the top latent has a learned scale (NICE, section 3.3).
  bool scales_top = false;
  /// nn::normalizes_by_batch.
  bool normalizes_by_batch = false;
  /// The number of parameters of level `level`, including its split.
  std::int64_t (*level_parameters)(const GlowOptions& options, std::int64_t level);
  /// nn::network_memory.
  NetworkMemory (*network_memory)(const GlowOptions& options, std::int64_t level, double hidden_size);
  /// nn::describe.
  std::string (*describe)(const GlowOptions& options);
};

/// The largest hidden_width. Limits on sizes prevent overflow of their products; practical models are far below them.
inline constexpr std::int64_t kWidestHidden = 1 << 16;

const FamilySpec& family_spec(Family family);

}  // namespace glow::nn
