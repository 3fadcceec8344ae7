// A MultiscaleFlow maps latents to images: level l of ours is its flows.{L-1-l}, step k the block K-1-k, its base
// distribution q0.{L-1-l}.
#include <string>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "import/mapping.h"

namespace glow::importing {
namespace {

using Tensors = std::vector<torch::Tensor>;

std::string normflows_block(std::int64_t flow, std::int64_t block) {
  return "flows." + std::to_string(flow) + "." + std::to_string(block) + ".flows.";
}

/// Where the convolutions and actnorms of a network are in its list of layers.
struct NetworkLayers {
  std::int64_t conv1 = 0, conv2 = 2, conv3 = 4;
  bool has_actnorm = false;
};

const std::string kNetwork = "0.flows.1.param_map.net.";

NetworkLayers network_layers(const Checkpoint& checkpoint) {
  const bool has_actnorm = checkpoint.has(normflows_block(0, 0) + kNetwork + "1.actNorm.s");
  return has_actnorm ? NetworkLayers{0, 3, 6, true} : NetworkLayers();
}

/// Without rows.
Mapping normflows_mapping(const Checkpoint& checkpoint, const ImportOptions& options) {
  Mapping mapping;
  auto& model = mapping.options;
  model.levels = count(checkpoint, [](auto i) { return normflows_block(i, 0) + "2.s"; });
  model.depth = count(checkpoint, [](auto j) { return normflows_block(0, j) + "2.s"; });
  const auto first = normflows_block(model.levels - 1, 0);
  const auto layers = network_layers(checkpoint);
  const auto channels = checkpoint.size(first + "2.s", 1);
  model.channels = channels / 4;
  const auto weight = [&](std::int64_t layer) { return first + kNetwork + std::to_string(layer) + ".weight"; };
  model.hidden_width = checkpoint.size(weight(layers.conv1), 0);
  const bool is_affine = checkpoint.size(weight(layers.conv3), 0) == channels;
  model.coupling = is_affine ? nn::CouplingKind::kAffine : nn::CouplingKind::kAdditive;
  model.permutation = checkpoint.has(first + "1.W") ? nn::PermutationKind::kConv1x1 : nn::PermutationKind::kLU;
  model.edge_bias = false;
  model.learn_top = true;
  set_image(mapping, options);
  mapping.assumed = "scale_map sigmoid, split_mode channel, logscale_factor 3, no transform, ReLUs that are not leaky";
  return mapping;
}

/// The rows of the shift negated: the code subtracts it on the way from images to latents.
torch::Tensor with_negative_shift(const torch::Tensor& x) {
  const auto half = x.size(0) / 2;
  return at::cat({-x.narrow(0, 0, half), x.narrow(0, half, half)});
}

void add_normflows_network(Mapping& mapping, const NetworkLayers& layers, const std::string& theirs,
                           const std::string& ours) {
  const auto layer = [&](std::int64_t index) { return theirs + std::to_string(index) + "."; };
  for (const auto& [conv, index] : {std::pair{"conv1.", layers.conv1}, std::pair{"conv2.", layers.conv2}}) {
    mapping.add(ours + conv + "weight", layer(index) + "weight", same);
    const auto actnorm = layer(index + 1) + "actNorm.";
    if (layers.has_actnorm) {
      // x exp(s) + t = (x + t exp(-s)) exp(s)
      mapping.add(ours + conv + "actnorm.bias", {actnorm + "t", actnorm + "s"}, [](const Tensors& x) {
        require_equal_counts(x);
        return (x[0] * x[1].neg().exp()).flatten();
      });
      mapping.add(ours + conv + "actnorm.log_scale", actnorm + "s", third);
    } else {
      mapping.add(ours + conv + "actnorm.bias", layer(index) + "bias", flat);
      mapping.add_zeros(ours + conv + "actnorm.log_scale");
    }
  }
  const bool is_affine = mapping.options.coupling == nn::CouplingKind::kAffine;
  const Transform rows =
      is_affine ? then(deinterleaved, with_negative_shift) : Transform([](const torch::Tensor& x) { return -x; });
  mapping.add(ours + "conv3.weight", layer(layers.conv3) + "weight", rows);
  mapping.add(ours + "conv3.bias", layer(layers.conv3) + "bias", rows);
}

void add_normflows_step(Mapping& mapping, const NetworkLayers& layers, const std::string& theirs,
                        const std::string& ours, bool is_first) {
  // Its actnorm is x exp(s) + t from latents to images. Its images are byte/256, ours 1/2 less.
  mapping.add(ours + "actnorm.bias", theirs + "2.t",
              [is_first](const auto& x) { return (is_first ? 0.5 : 0) - x.flatten(); });
  mapping.add(ours + "actnorm.log_scale", theirs + "2.s", then(negated, third));
  const auto map = theirs + "1.", our_map = ours + "permutation.";
  if (mapping.options.permutation == nn::PermutationKind::kConv1x1) {
    mapping.add(our_map + "weight", map + "W", same);
  } else {
    mapping.add(our_map + "indices", map + "P", indices_of);
    mapping.add(our_map + "lower", map + "L", [](const auto& x) { return x.tril(-1); });
    mapping.add(our_map + "upper", map + "U", [](const auto& x) { return x.triu(1); });
    mapping.add(our_map + "log_diagonal", map + "log_S", flat);
    mapping.add(our_map + "sign_diagonal", map + "sign_S", signs);
  }
  const auto net = ours + "coupling.net.";
  add_normflows_network(mapping, layers, theirs + kNetwork, net);
  mapping.add_zeros(net + "conv3.log_scale");
}

/// Throws FormatError for the base distributions that our models do not have.
void require_channel_gaussian(const Checkpoint& checkpoint, const std::string& base) {
  const auto refuse = [&](const std::string& what) {
    throw FormatError(checkpoint.path(), base + " is a Gaussian with " + what +
                                             ", which our models do not have: only GlowBase without "
                                             "classes can be imported (docs/how-to/import/normflows.md)");
  };
  if (checkpoint.has_any([&](const std::string& name) { return name.starts_with(base) && name.ends_with("_cc"); })) {
    refuse("parameters for each class");
  }
  const auto loc = base + "loc";
  if (checkpoint.size(loc, -1) != 1 || checkpoint.size(loc, -2) != 1) refuse("a mean for each pixel");
}

/// The base distributions are Gaussians with a mean and log_sd for each channel, times exp(3 logs).
void add_normflows_prior(Mapping& mapping, const Checkpoint& checkpoint, std::int64_t level) {
  const auto& model = mapping.options;
  const auto theirs = "q0." + std::to_string(model.levels - 1 - level) + ".";
  const bool is_top = level + 1 == model.levels;
  const auto ours = is_top ? std::string("top.prior.") : split_name(level);
  require_channel_gaussian(checkpoint, theirs);
  std::vector<std::string> names{theirs + "loc", theirs + "log_scale"};
  if (checkpoint.has(theirs + "loc_logs")) names.insert(names.end(), {theirs + "loc_logs", theirs + "log_scale_logs"});
  mapping.add(ours + "bias", names, [](const Tensors& x) {
    require_equal_counts(x);
    if (x.size() == 2) return at::cat({x[0].flatten(), x[1].flatten()});
    return at::cat({(x[0] * (3 * x[2]).exp()).flatten(), (x[1] * (3 * x[3]).exp()).flatten()});
  });
  mapping.add_zeros(ours + "log_scale");
  if (!is_top) mapping.add_zeros(ours + "weight");
}

}  // namespace

Mapping map_normflows(Checkpoint& checkpoint, const ImportOptions& options) {
  refuse_unknown_options(options, "normflows", /*takes_permutation=*/false, /*takes_class_vector=*/false,
                         /*takes_average=*/false);
  auto mapping = normflows_mapping(checkpoint, options);
  const auto& model = mapping.options;
  const auto layers = network_layers(checkpoint);
  for (std::int64_t l = 0; l < model.levels; ++l) {
    for (std::int64_t k = 0; k < model.depth; ++k) {
      add_normflows_step(mapping, layers, normflows_block(model.levels - 1 - l, model.depth - 1 - k), step_name(l, k),
                         /*is_first=*/l == 0 && k == 0);
    }
    add_normflows_prior(mapping, checkpoint, l);
  }
  require_initialised(checkpoint, [](const std::string& name) { return name.ends_with(".data_dep_init_done"); });
  checkpoint.drop([](const std::string& name) { return name.ends_with(".eye"); }, "of identity matrices");
  return mapping;
}

}  // namespace glow::importing
