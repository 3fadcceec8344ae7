#include <string>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>

#include "import/mapping.h"

namespace glow::importing {
namespace {

const std::string kModel = "model/";
const std::string kAverage = "/ExponentialMovingAverage";

std::string openai_step(std::int64_t level, std::int64_t step) {
  return kModel + std::to_string(level) + "/" + std::to_string(step) + "/";
}

/// Reversed channels have no tensors.
nn::PermutationKind openai_permutation(const Checkpoint& checkpoint) {
  const auto step = openai_step(0, 0);
  if (checkpoint.has(step + "invconv/W")) return nn::PermutationKind::kConv1x1;
  if (checkpoint.has(step + "shuffle/indices")) return nn::PermutationKind::kShuffle;
  for (const std::string kind : {"/invconv/", "/shuffle/"}) {
    if (!checkpoint.has_any([&](const std::string& name) { return name.find(kind) != std::string::npos; })) continue;
    throw FormatError(checkpoint.path(), "missing tensor \"" + step +
                                             (kind == "/invconv/" ? "invconv/W" : "shuffle/indices") +
                                             "\"; other steps have such, or it has the LU form, which the published "
                                             "code does not write");
  }
  return nn::PermutationKind::kReverse;
}

/// The first line of train.txt and test.txt: the options of the training in JSON.
ImageFacts openai_images(const Checkpoint& checkpoint) {
  for (const char* name : {"train.txt", "test.txt"}) {
    const auto& text = checkpoint.option_file(name);
    const auto options = nlohmann::json::parse(text.substr(0, text.find('\n')), nullptr, /*allow_exceptions=*/false);
    if (!options.is_object() || !options.contains("image_size") || !options.contains("n_bits_x")) continue;
    if (!options["image_size"].is_number_integer() || !options["n_bits_x"].is_number_integer()) continue;
    const std::int64_t size = options["image_size"];
    return {size, size, options["n_bits_x"], name};
  }
  return {};
}

/// Without rows.
Mapping openai_mapping(const Checkpoint& checkpoint, const ImportOptions& options) {
  Mapping mapping;
  auto& model = mapping.options;
  model.levels = count(checkpoint, [](auto l) { return openai_step(l, 0) + "actnorm_center/b"; });
  model.depth = count(checkpoint, [](auto k) { return openai_step(0, k) + "actnorm_center/b"; });
  const auto first = openai_step(0, 0);
  const auto channels = checkpoint.size(first + "actnorm_center/b", -1);
  model.channels = channels / 4;
  model.hidden_width = checkpoint.size(first + "f1/l_1/W", -1);
  model.permutation = openai_permutation(checkpoint);
  const bool is_affine = checkpoint.size(first + "f1/l_last/W", -1) == channels;
  model.coupling = is_affine ? nn::CouplingKind::kAffine : nn::CouplingKind::kAdditive;
  model.edge_bias = true;
  model.learn_top = checkpoint.has(kModel + "prior/p/W");
  const auto classes = kModel + "prior/y_emb/W";
  model.num_classes = checkpoint.has(classes) ? checkpoint.size(classes, 0) : 0;
  set_image(mapping, options, openai_images(checkpoint));
  return mapping;
}

void add_openai_step(Mapping& mapping, const std::string& theirs, const std::string& ours) {
  const bool is_affine = mapping.options.coupling == nn::CouplingKind::kAffine;
  const Transform of_outputs = is_affine ? deinterleaved : same;
  mapping.add(ours + "actnorm.bias", theirs + "actnorm_center/b", flat);
  mapping.add(ours + "actnorm.log_scale", theirs + "actnorm_scale/logs", flat);
  for (const std::string n : {"1", "2"}) {
    const auto conv = ours + "coupling.net.conv" + n + ".", layer = theirs + "f1/l_" + n + "/";
    mapping.add(conv + "weight", layer + "W", hwio_to_oihw);
    mapping.add(conv + "actnorm.bias", layer + "actnorm_center/b", flat);
    mapping.add(conv + "actnorm.log_scale", layer + "actnorm_scale/logs", flat);
  }
  const auto conv3 = ours + "coupling.net.conv3.", last = theirs + "f1/l_last/";
  mapping.add(conv3 + "weight", last + "W", then(hwio_to_oihw, of_outputs));
  mapping.add(conv3 + "bias", last + "b", then(flat, of_outputs));
  mapping.add(conv3 + "log_scale", last + "logs", then(flat, of_outputs));
}

void add_openai_permutation(Mapping& mapping, const std::string& theirs, const std::string& ours) {
  switch (mapping.options.permutation) {
    case nn::PermutationKind::kConv1x1:
      return mapping.add(ours + "permutation.weight", theirs + "invconv/W", transposed);
    case nn::PermutationKind::kShuffle:
      return mapping.add(ours + "permutation.indices", theirs + "shuffle/indices", order);
    default:
      return;  // the order of a reversing permutation is that of a new model
  }
}

void add_openai_top(Mapping& mapping) {
  if (!mapping.options.learn_top) return;
  const auto theirs = kModel + "prior/p/", ours = std::string("top.prior.");
  const auto planes = 2 * nn::latent_shape(mapping.options, mapping.options.levels - 1).channels;
  // All input planes but the last meet the zeros inside the image only.
  const Transform last_plane = [planes](const torch::Tensor& x) { return x.narrow(1, planes, 1); };
  mapping.add(ours + "edge_weight", theirs + "W", then(then(hwio_to_oihw, with_planes(planes + 1)), last_plane));
  mapping.add(ours + "bias", theirs + "b", flat);
  mapping.add(ours + "log_scale", theirs + "logs", flat);
}

void add_openai_classes(Mapping& mapping, const Checkpoint& checkpoint) {
  if (mapping.options.num_classes == 0) return;
  const auto theirs = kModel + "prior/y_emb/", ours = std::string("top.class_embedding.");
  mapping.add(ours + "weight", theirs + "W", transposed);
  mapping.add(ours + "bias", theirs + "b", flat);
  mapping.add(ours + "log_scale", theirs + "logs", flat);
  const auto classifier = kModel + "classifier/";
  const bool has_classifier = checkpoint.has(classifier + "W");
  const auto add = [&](const char* name, const char* their_name, const Transform& transform) {
    const auto our_name = std::string("top.classifier.") + name;
    has_classifier ? mapping.add(our_name, classifier + their_name, transform) : mapping.add_zeros(our_name);
  };
  add("weight", "W", transposed);
  add("bias", "b", flat);
  add("log_scale", "logs", flat);
}

/// Takes the averages in place of the weights: of all tensors but the orders of channels, which are not trained.
void use_averages(Mapping& mapping) {
  for (auto& row : mapping.rows) {
    if (row.ours.ends_with(".indices")) continue;
    for (auto& name : row.theirs) name += kAverage;
  }
}

/// "Variable", "Variable_17": Adam's step and moments, which the code gives no other names.
bool is_of_optimiser(const std::string& name) {
  const std::string variable = "Variable";
  if (!name.starts_with(variable)) return false;
  const auto rest = name.substr(variable.size());
  return rest.empty() ||
         (rest.size() > 1 && rest[0] == '_' && rest.find_first_not_of("0123456789", 1) == std::string::npos);
}

}  // namespace

Mapping map_openai(Checkpoint& checkpoint, const ImportOptions& options) {
  refuse_unknown_options(options, "openai", /*takes_permutation=*/false, /*takes_class_vector=*/false,
                         /*takes_average=*/true);
  auto mapping = openai_mapping(checkpoint, options);
  const auto& model = mapping.options;
  for (std::int64_t l = 0; l < model.levels; ++l) {
    for (std::int64_t k = 0; k < model.depth; ++k) {
      add_openai_step(mapping, openai_step(l, k), step_name(l, k));
      add_openai_permutation(mapping, openai_step(l, k), step_name(l, k));
    }
    if (l + 1 == model.levels) continue;
    const auto theirs = kModel + "pool" + std::to_string(l) + "/conv/", ours = split_name(l);
    mapping.add(ours + "weight", theirs + "W", then(hwio_to_oihw, deinterleaved));
    mapping.add(ours + "bias", theirs + "b", then(flat, deinterleaved));
    mapping.add(ours + "log_scale", theirs + "logs", then(flat, deinterleaved));
  }
  add_openai_top(mapping);
  add_openai_classes(mapping, checkpoint);
  // Of a weight, "WEIGHT" + kAverage.
  const auto is_average = [&](const std::string& name) {
    return name.ends_with(kAverage) && checkpoint.has(name.substr(0, name.size() - kAverage.size()));
  };
  if (options.average) {
    if (!checkpoint.has_any(is_average)) throw ConfigError("average", "the checkpoint has no moving averages");
    use_averages(mapping);
    checkpoint.drop([&](const std::string& name) { return checkpoint.has(name + kAverage); },
                    "of weights whose averages are taken (average)");
  } else {
    checkpoint.drop(is_average, "of moving averages (average takes them)");
  }
  checkpoint.drop(is_of_optimiser, "of the optimiser");
  checkpoint.drop([](const std::string& name) { return name.ends_with("/shuffle/indices_inverse"); },
                  "of inverse permutations");
  return mapping;
}

}  // namespace glow::importing
