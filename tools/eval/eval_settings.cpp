#include "tools/eval/eval_settings.h"

#include <glow/error.h>

#include "tools/common/flags.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

void check_ranges(const EvalSettings& settings) {
  require_range("count", settings.count, 0, kMostImages);
  settings.score.validate();
  require_range("round_trip", settings.round_trip, 0, kMostImages);
}

}  // namespace

const std::vector<FlagText>& eval_flag_table() {
  static const std::vector<FlagText> images{
      model_row("Evaluation"),
      source_row("data", "Evaluation", ""),
      {"split", "Evaluation", "KIND",
       "train, valid, test, all (training and validation images together), or auto: test, or valid if there is no "
       "test split"},
      {"split_seed", "Evaluation", "S",
       "the --seed or --split-seed of glow-train, for a model file that does not say which images were held out"},
      {"valid_images", "Evaluation", "N", "with --split-seed: the --valid-images of glow-train"},
  };
  static const std::vector<FlagText> rest{
      {"count", "Evaluation", "N", "score the first N images of a source; 0: all"},
      {"draws", "Evaluation", "M",
       "draws of the dequantisation noise to average over; 0: the density at the centres of the bins, which is not a "
       "bound"},
      {"importance", "Evaluation", "M", "draws of the importance-weighted bound; 0: not computed"},
      {"classes", "Evaluation", "KIND",
       "density of a conditional model: label, p(x|y) under the image's own label, or marginal, the mean over all "
       "classes"},
      seed_row("Evaluation", "the noise; not given: that of the model's training"),
      {"round_trip", "Evaluation", "N", "number of images to encode and decode; 0: none"},
      {"ood", "Evaluation", "SOURCE",
       "other images (the test split, else all): measures how well the scores separate them from --data"},
      {"scores", "Output", "FILE.csv", "write the scores of each image to this file"},
      {"histogram", "Output", "FILE.svg", "draw a histogram of the bits/dim, including those of --ood"},
      overwrite_row("Output"),
      {"json", "Output", "", "print the results as one JSON object"},
      batch_row("that of the evaluations in the model's training, else 64"),
  };
  static const auto table = images + geometry_rows("Evaluation") + rest + compute_rows(Launchable::kYes);
  return table;
}

void follow_training(EvalSettings& settings, const std::optional<nn::TrainingData>& record) {
  const auto of_training = record.value_or(nn::TrainingData());
  settings.score.seed = settings.seed.value_or(of_training.seed);
  settings.score.batch = settings.batch.value_or(of_training.batch);
}

void resolve_settings(EvalSettings& settings, const GivenFlags& given) {
  require_given("model", settings.model, "a model file");
  require_given("data", settings.data, "a data set");
  follow_training(settings, std::nullopt);  // sets --batch, which the checks below need
  check_ranges(settings);
  if (settings.split == EvalSplit::kAll || settings.split == EvalSplit::kTest) {
    refuse(given, {"split-seed", "valid-images"}, "nothing is held out for --split " + to_string(settings.split));
  }
  if (!settings.scores.empty() && settings.scores == settings.histogram) {
    throw ConfigError("histogram", settings.histogram + " is the file of --scores");
  }
}

void check_for_model(const EvalSettings& settings, const nn::GlowOptions& model) {
  const bool marginal = settings.score.classes == evaluate::ClassDensity::kMarginal;
  if (model.num_classes == 0 && marginal) throw ConfigError("classes", settings.model + " is an unconditional model");
  if (model.num_classes > 0 && !marginal && !settings.ood.empty()) {
    throw ConfigError("ood", "other images have no labels of " + settings.model +
                                 ", so both sets must be scored with --classes marginal");
  }
}

}  // namespace glow::tools
