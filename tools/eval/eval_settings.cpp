#include "tools/eval/eval_settings.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <glow/checks.h>
#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/shard.h>

#include "tools/common/flags.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

void check_ranges(const EvalSettings& settings) {
  require_range("count", settings.count, 0, kMostImages);
  settings.score.validate();
  require_range("round_trip", settings.round_trip, 0, kMostImages);
  require_range("worst", settings.worst, 0, kMostImages);
  require_range("best", settings.best, 0, kMostImages);
}

void check_images(const EvalSettings& settings, const GivenFlags& given) {
  if (settings.images.empty() && settings.data.empty()) {
    throw ConfigError("images",
                      "expected the images to score, none are given (--data SOURCE instead scores one split "
                      "of a data set)");
  }
  if (settings.images.empty()) return;
  if (!settings.data.empty()) {
    throw ConfigError("images",
                      "cannot be combined with --data: give one of them, --images to score everything, --data "
                      "for one split of a data set");
  }
  refuse(given, {"split", "split-seed", "valid-images"},
         "is about the splits of --data; --images scores everything that is given, of a published data set its test "
         "images");
}

void check_order(const EvalSettings& settings, const GivenFlags& given) {
  if (settings.worst == 0 && settings.best == 0) {
    refuse(given, {"sort-by"}, "orders the lists of --worst and --best, and neither is given");
  }
  if (settings.sort_by == ScoreKind::kImportance && settings.score.importance == 0) {
    throw ConfigError("sort_by", "importance_bits_per_dim is only computed with --importance M");
  }
}

}  // namespace

const std::vector<FlagText>& eval_flag_table() {
  static const std::vector<FlagText> images{
      model_row("Evaluation"),
      images_row("Evaluation"),
      source_row("data", "Evaluation", "instead of --images, a data set of which one split is scored"),
      {"split", "Evaluation", "KIND",
       "of --data: train, valid, test, all (training and validation images together), or auto: test, or valid if there "
       "is no test split"},
      {"split_seed", "Evaluation", "S",
       "the --seed or --split-seed of glow-train, for a model file that does not say which images were held out"},
      {"valid_images", "Evaluation", "N|auto", "with --split-seed: the --valid-images of glow-train", Kept::kNo, "",
       number_word("auto", -1)},
  };
  static const std::vector<FlagText> rest{
      {"count", "Evaluation", "N|all", "score the first N images of a source", Kept::kNo, "", number_word("all", 0)},
      {"draws", "Evaluation", "M|none",
       "draws of the dequantisation noise to average over; none: the density at the centres of the bins, which is not "
       "a bound",
       Kept::kNo, "", number_word("none", 0)},
      {"importance", "Evaluation", "M|none", "draws of the importance-weighted bound", Kept::kNo, "",
       number_word("none", 0)},
      {"classes", "Evaluation", "KIND",
       "density of a conditional model: label, p(x|y) under the image's own label, or marginal, the mean over all "
       "classes"},
      seed_row("Evaluation", "the noise; not given: that of the model's training"),
      {"round_trip", "Evaluation", "N|none", "number of images to encode and decode", Kept::kNo, "",
       number_word("none", 0)},
      {"ood", "Evaluation", "IMAGES",
       "other images, given as for --images: measures how well the scores separate them from the images"},
      {"worst", "Evaluation", "N", "list the N images with the largest score, the least likely ones"},
      {"best", "Evaluation", "N", "list the N images with the smallest score"},
      {"sort_by", "Evaluation", "SCORE",
       "score of --worst and --best: bits_per_dim, by which noisy and detailed images are the worst; "
       "complexity_corrected, bits/dim minus those of the image as PNG, by which unusual images are the worst, also "
       "plain ones; or importance_bits_per_dim"},
      {"scores", "Output", "FILE.csv", "write the scores of each image to this file"},
      {"histogram", "Output", "FILE.svg", "draw a histogram of the bits/dim, including those of --ood"},
      overwrite_row("Output", "files"),
      {"json", "Output", "", "print the results as one JSON object"},
      batch_row("that of the evaluations in the model's training, else 64"),
  };
  static const auto table =
      images + reading_rows("Evaluation") + rest + compute_rows(Launchable::kYes) + std::vector{data_threads_row()};
  return table;
}

void follow_training(EvalSettings& settings, const std::optional<nn::TrainingData>& record) {
  const auto of_training = record.value_or(nn::TrainingData());
  settings.score.seed = settings.seed.value_or(of_training.seed);
  settings.score.batch = settings.batch.value_or(of_training.batch);
}

void resolve_settings(EvalSettings& settings, const GivenFlags& given) {
  if (settings.model.empty()) refuse_model_files("images", settings.images);
  require_given("model", settings.model, "a model file");
  check_images(settings, given);
  follow_training(settings, std::nullopt);  // sets --batch, which the checks below need
  check_ranges(settings);
  check_order(settings, given);
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

namespace {

using Source = std::shared_ptr<const images::ImageSource>;

/// Images of a data set, the split that they are, and the random stream of their noise.
struct Split {
  Source source;
  EvalSplit split;
  ops::Stream noise;
  /// For Subset::narrow.
  std::string which, hint;
};

/// How to score all images of a data set; empty if one evaluation cannot.
std::string way_to_all(const images::DataSet& set) {
  if (!set.test) return "--split all scores all";
  const auto* kind = images::parse_specification(set.name).kind;
  return kind == nullptr || kind->has_split_folders ? "--images " + shell_word(set.name) + " scores all" : "";
}

Split find_split(const EvalSettings& settings, images::DataSet set, const nn::Glow& model) {
  const auto way = way_to_all(set);
  auto split = settings.split;
  if (split == EvalSplit::kAuto) split = set.test ? EvalSplit::kTest : EvalSplit::kValid;
  if (split == EvalSplit::kAll) {
    return {images_to_learn(set), split, ops::Stream::kDequantisation, "the training and validation images", way};
  }
  if (split == EvalSplit::kTest) {
    if (!set.test) throw ConfigError("split", set.name + " has no test images");
    return {set.test, split, ops::Stream::kTestNoise, "the test images", way};
  }
  const auto fingerprint = images::fingerprint(set);
  const auto before = set.train->size();
  set = divide(std::move(set), fingerprint, settings.held_out, model->training_data(), settings.model);
  if (split == EvalSplit::kTrain) return {set.train, split, ops::Stream::kTrainScoreNoise, "the training images", way};
  if (!set.valid) {
    throw ConfigError("split", set.name + " has no validation images, and none of its " + grouped(set.train->size()) +
                                   " can be held out (--split all scores them)");
  }
  const bool held_out = set.train->size() < before;
  return {set.valid, split, ops::Stream::kValidationNoise,
          held_out ? "those held out from the training" : "the validation images", way};
}

EvalImages open_split(const EvalSettings& settings, const nn::Glow& model, Labels labels,
                      const images::OpenOptions& how) {
  const auto set = open_for_model("data", settings.data, model, labels, settings.reading, how);
  const auto [source, split, noise, which, hint] = find_split(settings, set, model);
  Subset subset(set);
  subset.narrow(source->size(), which, hint);
  const auto first = first_images(source, settings.count, subset);
  return {.fitted = fitted("data", set.name, first, model, settings.reading.geometry),
          .source = set.name,
          .split = to_string(split),
          .noise = noise,
          .labelled = same_classes(set, model),
          .notes = SourceNotes(set),
          .subset = std::move(subset)};
}

/// `field`: images or ood, whose value is `words`. The images of --data with the same splits have the same noise.
EvalImages open_all(const std::string& field, const std::vector<std::string>& words, const EvalSettings& settings,
                    const nn::Glow& model, Labels labels, const ReadingSettings& reading,
                    const images::OpenOptions& how) {
  auto given = open_given_images(field, words, model, labels, reading, how);
  const auto source = first_images(given.source, settings.count, given.subset);
  return {.fitted = fitted(field, name_of(words), source, model, reading.geometry),
          .source = name_of(words),
          .split = to_string(given.are_test ? EvalSplit::kTest : EvalSplit::kAll),
          .noise = given.are_test ? ops::Stream::kTestNoise : ops::Stream::kDequantisation,
          .labelled = given.labelled,
          .notes = std::move(given.notes),
          .subset = std::move(given.subset)};
}

}  // namespace

EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how) {
  const bool conditional = model->options().num_classes > 0;
  const bool needs_labels = conditional && settings.score.classes == evaluate::ClassDensity::kLabel;
  const auto labels = needs_labels ? Labels::kRequired : Labels::kIfKnown;
  auto images = settings.images.empty()
                    ? open_split(settings, model, labels, how)
                    : open_all("images", settings.images, settings, model, labels, settings.reading, how);
  images.labelled = images.labelled && conditional;
  return images;
}

EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how) {
  auto reading = settings.reading;
  const auto* kind = images::parse_specification(settings.ood.front()).kind;
  // The flags are about the other images, which may be of another kind.
  if (kind != nullptr && !kind->has_image_files) reading.source = {};
  auto images = open_all("ood", settings.ood, settings, model, Labels::kUnused, reading, how);
  images.noise = ops::Stream::kOtherNoise;
  return images;
}

}  // namespace glow::tools
