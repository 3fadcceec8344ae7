// y0ast's and chaiyujin's code bases, whose models have the same layers with other names: flow.layers.N is the squeeze
// of level l at N = l (K + 2), its step k at l (K + 2) + 1 + k, its split at l (K + 2) + K + 1.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>

#include "import/mapping.h"

namespace glow::importing {
namespace {

using Tensors = std::vector<torch::Tensor>;

/// The names in which the two code bases differ.
struct LayerNames {
  /// Of the coupling network, and of the convolution in one of its layers.
  std::string network, convolution;
  std::string lower, upper;
  /// Of the learned prior, and of the linear layers for classes.
  std::string top_bias, top_weight, top_logs;
  std::string linear;
  /// Whether hparams.json lies beside the checkpoints.
  bool has_hparams;
};

const LayerNames kY0astNames{
    "block.",  "conv.", "lower", "upper", "learn_top_fn.conv.bias", "learn_top_fn.conv.weight", "learn_top_fn.logs",
    "linear.", true};
const LayerNames kChaiyujinNames{"f.", "", "l", "u", "learn_top.bias", "learn_top.weight", "learn_top.logs", "", false};

std::string flow_layer(std::int64_t index) { return "flow.layers." + std::to_string(index) + "."; }

class FlowLayersMapping {
 public:
  FlowLayersMapping(Checkpoint& checkpoint, const ImportOptions& options, const LayerNames& names)
      : checkpoint_(checkpoint), given_(options), names_(names) {
    read_options();
  }

  /// All rows but those of classes.
  Mapping& mapping() { return mapping_; }

  void add_flow() {
    for (std::int64_t l = 0; l < model().levels; ++l) {
      for (std::int64_t k = 0; k < model().depth; ++k) {
        add_step(flow_layer(layer_of(l, 0) + k), step_name(l, k));
      }
      if (l + 1 < model().levels) {
        add_prior(flow_layer(layer_of(l, 0) + model().depth) + "conv.", split_name(l));
      }
    }
  }

  void add_top() {
    if (model().learn_top) {
      mapping_.add("top.prior.bias", names_.top_bias, flat);
      mapping_.add("top.prior.log_scale", names_.top_logs, flat);
    }
  }

  void add_classes() {
    if (model().num_classes == 0) return;
    for (const auto& [ours, theirs] :
         {std::pair{"top.class_embedding.", "project_ycond."}, std::pair{"top.classifier.", "project_class."}}) {
      mapping_.add(ours + std::string("weight"), theirs + names_.linear + "weight", same);
      mapping_.add(ours + std::string("bias"), theirs + names_.linear + "bias", flat);
      mapping_.add(ours + std::string("log_scale"), std::string(theirs) + "logs", flat);
    }
  }

  void drop_rest() {
    checkpoint_.drop([](const std::string& name) { return name == "prior_h"; }, "of zeros (prior_h)");
    if (checkpoint_.has("prior_h") && checkpoint_.take("prior_h").ne(0).any().item<bool>()) {
      throw FormatError(checkpoint_.path(), "tensor \"prior_h\" is not zero: its model has another prior");
    }
    checkpoint_.drop([&](const std::string& name) { return name == names_.top_weight; },
                     "of weights that meet zeros only");
  }

 private:
  nn::GlowOptions& model() { return mapping_.options; }
  std::int64_t layer_of(std::int64_t level, std::int64_t step) { return level * (model().depth + 2) + 1 + step; }

  void read_options() {
    auto& options = model();
    const auto is_step = [&](std::int64_t index) { return checkpoint_.has(flow_layer(index) + "actnorm.bias"); };
    while (is_step(1 + options.depth)) ++options.depth;
    while (is_step(layer_of(options.levels, 0))) ++options.levels;
    const auto first = flow_layer(1);
    const auto channels = checkpoint_.size(first + "actnorm.bias", 1);
    options.channels = channels / 4;
    options.hidden_width = checkpoint_.size(first + names_.network + "0." + names_.convolution + "weight", 0);
    const bool is_affine =
        checkpoint_.size(first + names_.network + "4." + names_.convolution + "weight", 0) == channels;
    options.coupling = is_affine ? nn::CouplingKind::kAffine : nn::CouplingKind::kAdditive;
    options.permutation = permutation(first + "invconv.");
    options.edge_bias = false;
    options.learn_top = checkpoint_.has(names_.top_bias);
    const auto embedding = "project_ycond." + names_.linear + "weight";
    options.num_classes = checkpoint_.has(embedding) ? checkpoint_.size(embedding, 1) : 0;
    set_image(mapping_, given_, known_images());
  }

  /// y0ast's hparams.json. Its data sets have 32x32 pixels, which it uses with 8 bits.
  nlohmann::json hparams() const {
    const auto text = names_.has_hparams ? checkpoint_.option_file("hparams.json") : std::string();
    return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  }
  ImageFacts known_images() const {
    const auto options = hparams();
    const bool is_known = options.is_object() && options.contains("dataset") &&
                          (options["dataset"] == "cifar10" || options["dataset"] == "svhn");
    return is_known ? ImageFacts{32, 32, 8, "hparams.json"} : ImageFacts{};
  }

  nn::PermutationKind permutation(const std::string& map) const {
    using Kind = nn::PermutationKind;
    const bool is_learned = checkpoint_.has(map + "weight") || checkpoint_.has(map + "p");
    if (is_learned) {
      if (given_.permutation) throw ConfigError("permutation", "the checkpoint has 1x1 convolutions");
      return checkpoint_.has(map + "weight") ? Kind::kConv1x1 : Kind::kLU;
    }
    if (checkpoint_.has_any([](const std::string& name) { return name.find(".invconv.") != std::string::npos; })) {
      throw FormatError(checkpoint_.path(), "missing tensor \"" + map + "weight\", which other steps have");
    }
    const auto options = hparams();
    const bool is_known = options.is_object() && options.contains("flow_permutation");
    if (is_known && options["flow_permutation"] == "shuffle") {
      throw FormatError(checkpoint_.path(),
                        "hparams.json says that channels are shuffled; their order is not saved, so the model is lost");
    }
    if (!given_.permutation && is_known && options["flow_permutation"] == "reverse") return Kind::kReverse;
    if (!given_.permutation) {
      throw ConfigError("permutation",
                        "the checkpoint does not say whether channels are reversed or shuffled; give reverse if they "
                        "are reversed. The order of shuffled channels is not saved, so such a model is lost");
    }
    if (*given_.permutation != Kind::kReverse) {
      throw ConfigError("permutation", "expected reverse, got " + to_string(*given_.permutation) +
                                           ", which the checkpoint does not contain");
    }
    return Kind::kReverse;
  }

  void add_permutation(const std::string& theirs, const std::string& ours) {
    if (model().permutation == nn::PermutationKind::kConv1x1) mapping_.add(ours + "weight", theirs + "weight", same);
    if (model().permutation != nn::PermutationKind::kLU) return;
    mapping_.add(ours + "indices", theirs + "p", indices_of);
    mapping_.add(ours + "lower", theirs + names_.lower, [](const auto& x) { return x.tril(-1); });
    mapping_.add(ours + "upper", theirs + names_.upper, [](const auto& x) { return x.triu(1); });
    mapping_.add(ours + "log_diagonal", theirs + "log_s", flat);
    mapping_.add(ours + "sign_diagonal", theirs + "sign_s", signs);
  }

  void add_step(const std::string& theirs, const std::string& ours) {
    add_actnorm(theirs + "actnorm.", ours + "actnorm.");
    add_permutation(theirs + "invconv.", ours + "permutation.");
    const auto net = theirs + names_.network, our_net = ours + "coupling.net.";
    for (const auto& [conv, layer] : {std::pair{"conv1.", "0."}, std::pair{"conv2.", "2."}}) {
      mapping_.add(our_net + conv + "weight", net + layer + names_.convolution + "weight", same);
      add_actnorm(net + layer + "actnorm.", our_net + conv + "actnorm.");
    }
    add_zero_conv(net + "4.", our_net + "conv3.", model().coupling == nn::CouplingKind::kAffine);
  }

  void add_actnorm(const std::string& theirs, const std::string& ours) {
    mapping_.add(ours + "bias", theirs + "bias", flat);
    mapping_.add(ours + "log_scale", theirs + "logs", third);
  }

  void add_prior(const std::string& theirs, const std::string& ours) { add_zero_conv(theirs, ours, true); }

  void add_zero_conv(const std::string& theirs, const std::string& ours, bool is_interleaved) {
    const Transform rows = is_interleaved ? deinterleaved : same;
    mapping_.add(ours + "weight", theirs + names_.convolution + "weight", rows);
    mapping_.add(ours + "bias", theirs + names_.convolution + "bias", rows);
    mapping_.add(ours + "log_scale", theirs + "logs", then(flat, rows));
  }

  Checkpoint& checkpoint_;
  const ImportOptions& given_;
  const LayerNames& names_;
  Mapping mapping_{.options = {.levels = 0, .depth = 0}};
};

/// Its images are byte/255, to which the first actnorm is adapted: for our x = (byte + 1/2)/256 - 1/2 of a bin's centre
/// they are (256/255) (x + 1/2 - 1/512).
void adapt_to_our_images(Mapping& mapping) {
  for (auto& row : mapping.rows) {
    const bool is_bias = row.ours == "levels.0.steps.0.actnorm.bias";
    if (!is_bias && row.ours != "levels.0.steps.0.actnorm.log_scale") continue;
    row.transform = [is_bias, before = row.transform](const Tensors& x) {
      return is_bias ? before(x) * (255. / 256) + (0.5 - 1. / 512) : before(x) + std::log(256. / 255) / 3;
    };
  }
}

/// For a fixed vector y of labels the prior of the top is
/// (b_top exp(3 logs_top)) + (W y + b) exp(3 logs), as an unconditional one.
void fix_labels(Mapping& mapping, Checkpoint& checkpoint, const std::vector<double>& labels) {
  const auto classes = mapping.options.num_classes;
  if (static_cast<std::int64_t>(labels.size()) != classes) {
    throw ConfigError("class_vector", "expected " + std::to_string(classes) + " numbers, one for each label, got " +
                                          std::to_string(labels.size()));
  }
  const bool has_top = std::exchange(mapping.options.learn_top, true);
  mapping.options.num_classes = 0;
  std::vector<std::string> theirs{"project_ycond.weight", "project_ycond.bias", "project_ycond.logs"};
  if (has_top) theirs.insert(theirs.end(), {kChaiyujinNames.top_bias, kChaiyujinNames.top_logs});
  const auto y = torch::tensor(labels, torch::kDouble);
  mapping.add("top.prior.bias", theirs, [y](const Tensors& x) {
    require_equal_counts({x.begin() + 1, x.end()});
    const auto of_labels = (x[0].matmul(y) + x[1].flatten()) * (3 * x[2].flatten()).exp();
    return x.size() == 3 ? of_labels : of_labels + x[3].flatten() * (3 * x[4].flatten()).exp();
  });
  mapping.add_zeros("top.prior.log_scale");
  checkpoint.drop([](const std::string& name) { return name.starts_with("project_class."); }, "of the classifier");
}

}  // namespace

Mapping map_y0ast(Checkpoint& checkpoint, const ImportOptions& options) {
  refuse_unknown_options(options, "y0ast", /*takes_permutation=*/true, /*takes_class_vector=*/false,
                         /*takes_average=*/false);
  FlowLayersMapping layers(checkpoint, options, kY0astNames);
  layers.add_flow();
  layers.add_top();
  layers.add_classes();
  layers.drop_rest();
  return std::move(layers.mapping());
}

Mapping map_chaiyujin(Checkpoint& checkpoint, const ImportOptions& options) {
  refuse_unknown_options(options, "chaiyujin", /*takes_permutation=*/true, /*takes_class_vector=*/true,
                         /*takes_average=*/false);
  FlowLayersMapping layers(checkpoint, options, kChaiyujinNames);
  layers.add_flow();
  auto& mapping = layers.mapping();
  if (!options.class_vector.empty()) {
    if (mapping.options.num_classes == 0) throw ConfigError("class_vector", "the model is unconditional");
    fix_labels(mapping, checkpoint, options.class_vector);
  } else {
    if (mapping.options.num_classes > 0 && options.class_names.empty()) {
      throw ConfigError("class_vector",
                        "the model has " + std::to_string(mapping.options.num_classes) +
                            " labels, and the checkpoint does not say whether several can be set at once. If so, give "
                            "the value of each; if an image has one of them, give their names (classes)");
    }
    layers.add_top();
    layers.add_classes();
  }
  adapt_to_our_images(mapping);
  layers.drop_rest();
  return std::move(mapping);
}

}  // namespace glow::importing
