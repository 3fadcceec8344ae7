#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <glow/enum_names.h>
#include <glow/ops/coupling_kind.h>

#pragma GCC visibility push(default)

namespace glow::nn {

using ops::CouplingKind;

/// How a flow step mixes the channels (Glow, section 3.2).
enum class PermutationKind {
  /// Reverses the order of the channels (NICE).
  kReverse,
  /// A fixed random order (RealNVP).
  kShuffle,
  /// A learned invertible 1x1 convolution.
  kConv1x1,
  /// A learned invertible 1x1 convolution in LU form; log|det| is the sum of log|u_ii|.
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

/// The families of flows.
enum class Family {
  /// Kingma & Dhariwal 2018, arXiv 1807.03039.
  kGlow,
  /// Dinh et al. 2016, arXiv 1605.08803. The flow transforms the logits of the images. Each scale has three
  /// checkerboard couplings, then three channel-wise ones; the last scale has four checkerboard couplings. An
  /// invertible batch norm precedes each coupling. Couplings are affine with log s = a tanh(.), computed by residual
  /// networks with weight norm. Latents are N(0, I). Differences from the paper: networks see the squares of a
  /// checkerboard squeezed, at half the height and width, and contain no batch norms.
  kRealNVP,
  /// Dinh et al. 2014, arXiv 1410.8516. One scale: additive couplings of alternating halves, then a learned scale for
  /// every dimension.
  kNICE,
};

/// "glow", "realnvp", "nice"
constexpr EnumNames<Family, 3> enum_names(Family) {
  return {"family", {{{"glow", Family::kGlow}, {"realnvp", Family::kRealNVP}, {"nice", Family::kNICE}}}};
}

/// The network of NICE's couplings.
enum class NetworkKind {
  /// Glow's network of three convolutions.
  kConvolutional,
  /// Fully connected layers with ReLUs on the flattened half.
  kDense,
};

/// "convolutional", "dense"
constexpr EnumNames<NetworkKind, 2> enum_names(NetworkKind) {
  return {"network", {{{"convolutional", NetworkKind::kConvolutional}, {"dense", NetworkKind::kDense}}}};
}

/// The distribution of NICE's scaled latents, which are independent of each other.
enum class PriorKind {
  /// N(0, 1).
  kGaussian,
  /// The standard logistic distribution, with density 1 / (exp(x/2) + exp(-x/2))^2.
  kLogistic,
};

/// "gaussian", "logistic"
constexpr EnumNames<PriorKind, 2> enum_names(PriorKind) {
  return {"prior", {{{"gaussian", PriorKind::kGaussian}, {"logistic", PriorKind::kLogistic}}}};
}

/// The hyperparameters of a model, stored as `glow.config` in a model file. Each family uses some of the fields after
/// `hidden_width` (has_field); the others keep the values of of_family.
struct GlowOptions {
  /// Channels of the images: 1 grey, 3 RGB; any number >= 1.
  std::int64_t channels = 3;
  /// Pixels; a multiple of 2^levels.
  std::int64_t height = 32;
  /// Pixels; a multiple of 2^levels.
  std::int64_t width = 32;
  /// Bits per channel value, 1..8; with fewer than 8 the lowest bits of each byte are dropped.
  std::int64_t bits = 8;
  /// L, the number of scales. Each begins with a 2x2 squeeze; each but the last ends with a split that emits half of
  /// the channels as latent. NICE has one.
  std::int64_t levels = 3;
  /// K, the number of flow steps per level; Glow and NICE only.
  std::int64_t depth = 32;
  /// Channels of the coupling networks' hidden layers. In RealNVP those of the first scale; each scale has twice as
  /// many as the one before.
  std::int64_t hidden_width = 512;
  /// Glow only.
  PermutationKind permutation = PermutationKind::kConv1x1;
  /// Glow only.
  CouplingKind coupling = CouplingKind::kAffine;
  /// Glow only: 3x3 convolutions have one more input plane that is 1 on the padding ring and 0 inside the image.
  bool edge_bias = true;
  /// Glow only: the mean and scale of the top latent's prior are learned; else it is N(0, I).
  bool learn_top = true;
  /// Classes of a conditional model; 0: unconditional.
  std::int64_t num_classes = 0;
  /// The family of flows.
  Family family = Family::kGlow;
  /// RealNVP only: residual blocks per coupling network.
  std::int64_t residual_blocks = 8;
  /// NICE only.
  NetworkKind network = NetworkKind::kConvolutional;
  /// NICE only: hidden layers of a dense network.
  std::int64_t hidden_layers = 5;
  /// NICE only.
  PriorKind prior = PriorKind::kGaussian;

  /// The defaults of a family: the published sizes, where the paper gives them.
  static GlowOptions of_family(Family family);

  /// Whether all fields are equal.
  bool operator==(const GlowOptions&) const = default;

  /// Throws ConfigError naming the invalid field.
  void validate() const;

  /// D = C*H*W of the image, the divisor of bits/dim.
  std::int64_t dimensions() const { return channels * height * width; }
};

/// Channels, height and width of the flow inside one level, after its squeeze.
struct LevelShape {
  /// Number of channels.
  std::int64_t channels;
  /// Rows of each channel.
  std::int64_t height;
  /// Columns of each channel.
  std::int64_t width;
};

/// The shape inside level `level` in 0..levels-1.
LevelShape level_shape(const GlowOptions& options, std::int64_t level);

/// The shape of the latent eps of level `level`: half of the level's channels, all of them at the top.
LevelShape latent_shape(const GlowOptions& options, std::int64_t level);

/// The number of flow steps of level `level`.
std::int64_t step_count(const GlowOptions& options, std::int64_t level);

/// The number of learned parameters of a model with these options, including RealNVP's running moments.
std::int64_t parameter_count(const GlowOptions& options);

/// Whether a model in training mode normalises by the moments of its batch. The density of an image then depends on the
/// whole batch.
bool normalizes_by_batch(const GlowOptions& options);

/// The architecture in one line: "3 levels of 32 steps, width 512, affine coupling, conv1x1".
std::string describe(const GlowOptions& options);

/// Whether a family uses the field of this name. A field that it does not use must have the value of of_family.
bool has_field(Family family, std::string_view name);

/// Calls `visit(name, field)` for each field with its name in `glow.config`. The JSON reader and writer both use this
/// list.
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
/// The inverse of to_json. Throws FormatError for unknown, missing or mistyped keys and for an unknown format_version
/// or family, ConfigError for invalid values.
GlowOptions glow_options_from_json(const std::string& json);

}  // namespace glow::nn

#pragma GCC visibility pop
