#include <string>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "import/mapping.h"

namespace glow::importing {
namespace {

using Tensors = std::vector<torch::Tensor>;

std::string rosinality_flow(std::int64_t level, std::int64_t step) {
  return "blocks." + std::to_string(level) + ".flows." + std::to_string(step) + ".";
}

/// Its actnorm multiplies by a factor of any sign, ours by exp(3 log_scale). A negative sign goes into the map after
/// it.
torch::Tensor third_of_log(const torch::Tensor& factor) { return factor.flatten().abs().log() / 3; }

/// The columns of a matrix times the signs of the factors.
torch::Tensor with_signs(const torch::Tensor& matrix, const torch::Tensor& factor) {
  require_equal_counts({matrix.select(0, 0).flatten(), factor});
  return matrix * factor.flatten().sign();
}

/// P (L + I) (U + diag(sign exp(log_diagonal))), with the strict triangles of L and U.
torch::Tensor product_of_lu(const torch::Tensor& p, const torch::Tensor& lower, const torch::Tensor& upper,
                            const torch::Tensor& log_diagonal, const torch::Tensor& sign) {
  require_equal_counts({log_diagonal, sign, upper.select(0, 0)});
  const auto l = lower.tril(-1) + at::eye(lower.size(0), lower.options());
  return p.matmul(l).matmul(upper.triu(1) + (sign * log_diagonal.exp()).diag());
}

void add_rosinality_map(Mapping& mapping, const Checkpoint& checkpoint, const std::string& theirs,
                        const std::string& ours) {
  const auto map = theirs + "invconv.", factor = theirs + "actnorm.scale";
  if (mapping.options.permutation == nn::PermutationKind::kLU) {
    mapping.add(ours + "indices", map + "w_p", indices_of);
    mapping.add(ours + "lower", map + "w_l", [](const auto& x) { return x.tril(-1); });
    mapping.add(ours + "upper", {map + "w_u", factor}, [](const Tensors& x) { return with_signs(x[0].triu(1), x[1]); });
    mapping.add(ours + "log_diagonal", map + "w_s", flat);
    mapping.add(ours + "sign_diagonal", {map + "s_sign", factor},
                [](const Tensors& x) { return with_signs(signs(x[0]).unsqueeze(0), x[1]).squeeze(0); });
    return;
  }
  if (checkpoint.has(map + "weight")) {
    mapping.add(ours + "weight", {map + "weight", factor},
                [](const Tensors& x) { return with_signs(x[0].flatten(1), x[1]); });
    return;
  }
  mapping.add(ours + "weight", {map + "w_p", map + "w_l", map + "w_u", map + "w_s", map + "s_sign", factor},
              [](const Tensors& x) { return with_signs(product_of_lu(x[0], x[1], x[2], x[3], x[4]), x[5]); });
}

void add_rosinality_step(Mapping& mapping, const std::string& theirs, const std::string& ours) {
  mapping.add(ours + "actnorm.bias", theirs + "actnorm.loc", flat);
  mapping.add(ours + "actnorm.log_scale", theirs + "actnorm.scale", third_of_log);
  const auto net = theirs + "coupling.net.", our_net = ours + "coupling.net.";
  // Its first convolution pads with zeros, the others' edges are those of our edge planes.
  mapping.add(our_net + "conv1.weight", net + "0.weight", with_zero_plane);
  mapping.add(our_net + "conv2.weight", net + "2.weight", same);
  for (const auto& [conv, layer] : {std::pair{"conv1.", "0."}, std::pair{"conv2.", "2."}}) {
    mapping.add(our_net + conv + "actnorm.bias", net + layer + "bias", flat);
    mapping.add_zeros(our_net + conv + "actnorm.log_scale");
  }
  const bool is_affine = mapping.options.coupling == nn::CouplingKind::kAffine;
  const Transform of_outputs = is_affine ? halves_swapped : same;
  mapping.add(our_net + "conv3.weight", net + "4.conv.weight", then(with_sum_plane, of_outputs));
  mapping.add(our_net + "conv3.bias", net + "4.conv.bias", of_outputs);
  mapping.add(our_net + "conv3.log_scale", net + "4.scale", then(flat, of_outputs));
}

void add_rosinality_prior(Mapping& mapping, std::int64_t level) {
  const auto theirs = "blocks." + std::to_string(level) + ".prior.";
  const bool is_top = level + 1 == mapping.options.levels;
  const auto ours = is_top ? std::string("top.prior.") : split_name(level);
  const auto planes = nn::latent_shape(mapping.options, level).channels;
  if (is_top) {
    const Transform sum = [](const torch::Tensor& x) { return x.sum(1, /*keepdim=*/true); };
    mapping.add(ours + "edge_weight", theirs + "conv.weight", then(with_planes(planes), sum));
  } else {
    mapping.add(ours + "weight", theirs + "conv.weight", with_sum_plane);
  }
  mapping.add(ours + "bias", theirs + "conv.bias", flat);
  mapping.add(ours + "log_scale", theirs + "scale", flat);
}

/// Without rows.
Mapping rosinality_mapping(const Checkpoint& checkpoint, const ImportOptions& options) {
  Mapping mapping;
  auto& model = mapping.options;
  model.levels = count(checkpoint, [](auto l) { return rosinality_flow(l, 0) + "actnorm.loc"; });
  model.depth = count(checkpoint, [](auto k) { return rosinality_flow(0, k) + "actnorm.loc"; });
  const auto first = rosinality_flow(0, 0);
  const auto channels = checkpoint.size(first + "actnorm.loc", 1);
  model.channels = channels / 4;
  model.hidden_width = checkpoint.size(first + "coupling.net.0.weight", 0);
  // --no_lu leaves the last block in LU form; we have one form for all.
  const bool has_weights =
      checkpoint.has_any([](const std::string& name) { return name.ends_with(".invconv.weight"); });
  model.permutation = has_weights ? nn::PermutationKind::kConv1x1 : nn::PermutationKind::kLU;
  const bool is_affine = checkpoint.size(first + "coupling.net.4.conv.weight", 0) == channels;
  model.coupling = is_affine ? nn::CouplingKind::kAffine : nn::CouplingKind::kAdditive;
  model.edge_bias = model.learn_top = true;
  set_image(mapping, options);
  mapping.assumed = "couplings as since 2018-07-13: the first half of the channels is unchanged";
  return mapping;
}

}  // namespace

Mapping map_rosinality(Checkpoint& checkpoint, const ImportOptions& options) {
  refuse_unknown_options(options, "rosinality", /*takes_permutation=*/false, /*takes_class_vector=*/false,
                         /*takes_average=*/false);
  auto mapping = rosinality_mapping(checkpoint, options);
  const auto& model = mapping.options;
  for (std::int64_t l = 0; l < model.levels; ++l) {
    for (std::int64_t k = 0; k < model.depth; ++k) {
      add_rosinality_step(mapping, rosinality_flow(l, k), step_name(l, k));
      add_rosinality_map(mapping, checkpoint, rosinality_flow(l, k), step_name(l, k) + "permutation.");
    }
    add_rosinality_prior(mapping, l);
  }
  require_initialised(checkpoint, [](const std::string& name) { return name.ends_with(".actnorm.initialized"); });
  checkpoint.drop(
      [](const std::string& name) {
        return name.ends_with(".u_mask") || name.ends_with(".l_mask") || name.ends_with(".l_eye");
      },
      "of constant masks");
  return mapping;
}

}  // namespace glow::importing
