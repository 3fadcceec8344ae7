#pragma once

#include <cstdint>
#include <string>

#include <glow/ops/coupling_transform.h>

namespace glow::nn {

using ops::CouplingKind;

/// How a flow step mixes the channels (Glow, section 3.2).
enum class PermutationKind {
  /// Reverses their order (NICE).
  kReverse,
  /// A fixed random order (RealNVP).
  kShuffle,
  /// A learned invertible 1x1 convolution.
  kConv1x1,
  /// The same in its LU form, whose log-determinant is a sum.
  kLU,
};

/// Everything that defines a Glow but its weights; the `glow.config` of a model file.
struct GlowOptions {
  /// Channels of the images: 1 grey, 3 RGB; any number >= 1.
  std::int64_t channels = 3;
  /// Pixels; a multiple of 2^levels.
  std::int64_t height = 32;
  /// Pixels; a multiple of 2^levels.
  std::int64_t width = 32;
  /// Bits a sample the model sees, 1..8; fewer than 8 drop the lowest bits of a byte.
  std::int64_t bits = 8;
  /// L, the scales; each squeezes 2x2, and all but the last give half of their channels away as latent.
  std::int64_t levels = 3;
  /// K, flow steps a level.
  std::int64_t depth = 32;
  /// Channels of the hidden layers of the coupling networks.
  std::int64_t hidden_width = 512;
  PermutationKind permutation = PermutationKind::kConv1x1;
  CouplingKind coupling = CouplingKind::kAffine;
  /// 3x3 convolutions see one more input plane that is 1 on the padded ring.
  bool edge_bias = true;
  /// The mean and scale of the top latent are learned; else N(0, I).
  bool learn_top = true;
  /// Classes of a conditional model; 0: unconditional.
  std::int64_t num_classes = 0;

  bool operator==(const GlowOptions&) const = default;

  /// Throws ConfigError that names the field.
  void validate() const;

  /// C*H*W of the image, the D of bits/dim.
  std::int64_t dimensions() const { return channels * height * width; }
};

/// Channels, height and width of the flow inside one level, after its squeeze.
struct LevelShape {
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
};

/// The shape inside level `level` in 0..levels-1.
LevelShape level_shape(const GlowOptions& options, std::int64_t level);

/// The shape of the latent eps that level `level` emits: half the channels, all of them at the top.
LevelShape latent_shape(const GlowOptions& options, std::int64_t level);

/// Calls `visit(name, field)` for each field, under its name in `glow.config`. What reads and writes JSON is made of
/// this one list, so that they cannot drift apart.
template <class Options, class Visitor>
void visit_fields(Options& options, Visitor&& visit) {
  visit("channels", options.channels);
  visit("height", options.height);
  visit("width", options.width);
  visit("bits", options.bits);
  visit("levels", options.levels);
  visit("depth", options.depth);
  visit("hidden_width", options.hidden_width);
  visit("permutation", options.permutation);
  visit("coupling", options.coupling);
  visit("edge_bias", options.edge_bias);
  visit("learn_top", options.learn_top);
  visit("num_classes", options.num_classes);
}

/// "reverse", "shuffle", "conv1x1", "lu"
std::string to_string(PermutationKind kind);
/// "additive", "affine"
std::string to_string(CouplingKind kind);
/// Throw ConfigError that lists the names when `name` is none of them.
void from_string(const std::string& name, PermutationKind& kind);
void from_string(const std::string& name, CouplingKind& kind);

/// The JSON object of a model file's `glow.config`.
std::string to_json(const GlowOptions& options);
/// The reverse. Throws FormatError for unknown, missing or mistyped keys and an unknown format_version or family,
/// ConfigError when the values do not make a model.
GlowOptions glow_options_from_json(const std::string& json);

}  // namespace glow::nn
