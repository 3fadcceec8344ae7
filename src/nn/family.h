#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <glow/nn/compute.h>
#include <glow/nn/options.h>

namespace glow::nn {

/// The modules that a level can be made of.
enum class StepKind {
  /// FlowStep: actnorm, permutation, coupling by three convolutions.
  kFlowStep,
  /// CouplingStep: batch norm, order of the channels, coupling by a network of the family.
  kCouplingStep,
};

/// How images x in [-1/2, 1/2) are transformed before the first level (preprocessing.h).
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
  /// The defaults, and the values of the fields that the family does not have.
  GlowOptions defaults;
  /// The names of the GlowOptions that it has beside those that all families have.
  std::span<const std::string_view> fields;
  /// Throws ConfigError for values that do not make a model; ranges of single fields are checked before.
  void (*validate)(const GlowOptions& options);
  /// Steps of level `level`.
  std::int64_t (*step_count)(const GlowOptions& options, std::int64_t level);
  StepKind (*step_kind)(const GlowOptions& options);
  Preprocessing preprocessing = Preprocessing::kNone;
  /// Whether a FlowStep begins with an actnorm.
  bool has_actnorm = false;
  /// Whether the Gaussian of the half that leaves at a split is learned; else it is N(0, I).
  bool learns_split_prior = false;
  /// Whether the top latent is scaled, each number by a learned factor (NICE, section 3.3).
  bool scales_top = false;
  /// Whether a model in training normalises by the moments of its batch.
  bool normalizes_by_batch = false;
  /// Parameters of level `level`, its split included.
  std::int64_t (*level_parameters)(const GlowOptions& options, std::int64_t level);
  /// nn::network_memory.
  NetworkMemory (*network_memory)(const GlowOptions& options, std::int64_t level, double hidden_size);
  /// nn::describe.
  std::string (*describe)(const GlowOptions& options);
};

/// The largest hidden_width. The limits of sizes keep their products far from overflow; no real model comes near them.
inline constexpr std::int64_t kWidestHidden = 1 << 16;

const FamilySpec& family_spec(Family family);

}  // namespace glow::nn
