#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <glow/enum_names.h>
#include <glow/ops/coupling_kind.h>

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

/// "reverse", "shuffle", "conv1x1", "lu"
constexpr EnumNames<PermutationKind, 4> enum_names(PermutationKind) {
  return {"permutation",
          {{{"reverse", PermutationKind::kReverse},
            {"shuffle", PermutationKind::kShuffle},
            {"conv1x1", PermutationKind::kConv1x1},
            {"lu", PermutationKind::kLU}}}};
}

/// The flows that are made of the same parts.
enum class Family {
  /// Kingma & Dhariwal 2018, arXiv 1807.03039.
  kGlow,
  /// Dinh et al. 2016, arXiv 1605.08803: the images as logits; on each scale three couplings over a checkerboard and
  /// three over the channels (on the last four over a checkerboard), each after an invertible batch norm; affine with
  /// log s = a tanh(.), by residual networks with weight norm; N(0, I) latents. Unlike the paper's, networks see a
  /// checkerboard's squares squeezed, at half the height and width, and have no batch norms of their own.
  kRealNVP,
  /// Dinh et al. 2014, arXiv 1410.8516: additive couplings of alternating halves on one scale, then a learned scale for
  /// every number.
  kNICE,
};

/// "glow", "realnvp", "nice"
constexpr EnumNames<Family, 3> enum_names(Family) {
  return {"family", {{{"glow", Family::kGlow}, {"realnvp", Family::kRealNVP}, {"nice", Family::kNICE}}}};
}

/// What computes NICE's couplings.
enum class NetworkKind {
  /// Glow's: three convolutions.
  kConvolutional,
  /// Fully connected layers with ReLUs on the flattened half.
  kDense,
};

/// "convolutional", "dense"
constexpr EnumNames<NetworkKind, 2> enum_names(NetworkKind) {
  return {"network", {{{"convolutional", NetworkKind::kConvolutional}, {"dense", NetworkKind::kDense}}}};
}

/// What NICE's scaled latents are distributed as, each on its own.
enum class PriorKind { kGaussian, kLogistic };

/// "gaussian", "logistic"
constexpr EnumNames<PriorKind, 2> enum_names(PriorKind) {
  return {"prior", {{{"gaussian", PriorKind::kGaussian}, {"logistic", PriorKind::kLogistic}}}};
}

/// Everything that defines a model but its weights; the `glow.config` of a model file. Of the fields after
/// `hidden_width` each family has some; the others keep the values of of_family.
struct GlowOptions {
  /// Channels of the images: 1 grey, 3 RGB; any number >= 1.
  std::int64_t channels = 3;
  /// Pixels; a multiple of 2^levels.
  std::int64_t height = 32;
  /// Pixels; a multiple of 2^levels.
  std::int64_t width = 32;
  /// Bits a sample the model sees, 1..8; fewer than 8 drop the lowest bits of a byte.
  std::int64_t bits = 8;
  /// L, the scales; each squeezes 2x2, and all but the last give half of their channels away as latent. NICE has one.
  std::int64_t levels = 3;
  /// K, flow steps a level; of Glow and NICE.
  std::int64_t depth = 32;
  /// Channels of the hidden layers of the coupling networks; of RealNVP on the first scale, twice as many on each that
  /// follows.
  std::int64_t hidden_width = 512;
  /// Of Glow.
  PermutationKind permutation = PermutationKind::kConv1x1;
  /// Of Glow.
  CouplingKind coupling = CouplingKind::kAffine;
  /// Of Glow: 3x3 convolutions see one more input plane that is 1 on the padded ring.
  bool edge_bias = true;
  /// Of Glow: the mean and scale of the top latent are learned; else N(0, I).
  bool learn_top = true;
  /// Classes of a conditional model; 0: unconditional.
  std::int64_t num_classes = 0;
  Family family = Family::kGlow;
  /// Of RealNVP: residual blocks of a coupling network.
  std::int64_t residual_blocks = 8;
  /// Of NICE.
  NetworkKind network = NetworkKind::kConvolutional;
  /// Of NICE: hidden layers of a dense network.
  std::int64_t hidden_layers = 5;
  /// Of NICE.
  PriorKind prior = PriorKind::kGaussian;

  /// The defaults of a family: the published sizes, as far as there are any.
  static GlowOptions of_family(Family family);

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

/// Flow steps of level `level`.
std::int64_t step_count(const GlowOptions& options, std::int64_t level);

/// Numbers that a model of these options learns; RealNVP's running moments count too.
std::int64_t parameter_count(const GlowOptions& options);

/// Whether a model in training normalises by the moments of its batch, so that its density is one of the whole batch.
bool normalizes_by_batch(const GlowOptions& options);

/// The architecture in one line: "3 levels of 32 steps, width 512, affine coupling, conv1x1".
std::string describe(const GlowOptions& options);

/// Whether a family has the field of this name; of a field that it has not, every value but the family's own is an
/// error.
bool has_field(Family family, std::string_view name);

/// Calls `visit(name, field)` for each field, under its name in `glow.config`. What reads and writes JSON is made of
/// this one list, so that they cannot drift apart.
template <class Options, class Visitor>
void visit_fields(Options& options, Visitor&& visit) {
  visit("family", options.family);
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
  visit("residual_blocks", options.residual_blocks);
  visit("network", options.network);
  visit("hidden_layers", options.hidden_layers);
  visit("prior", options.prior);
}

/// The JSON object of a model file's `glow.config`.
std::string to_json(const GlowOptions& options);
/// The reverse. Throws FormatError for unknown, missing or mistyped keys and an unknown format_version or family,
/// ConfigError when the values do not make a model.
GlowOptions glow_options_from_json(const std::string& json);

}  // namespace glow::nn
