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
      {"ood", "Evaluation", "SOURCE",
       "other images (the test split, else all): measures how well the scores separate them from --data"},
      {"scores", "Output", "FILE.csv", "write the scores of each image to this file"},
      {"histogram", "Output", "FILE.svg", "draw a histogram of the bits/dim, including those of --ood"},
      overwrite_row("Output"),
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

namespace {

using Source = std::shared_ptr<const images::ImageSource>;

/// The concatenation of two sources of one data set.
class JoinedSource : public images::ImageSource {
 public:
  JoinedSource(Source first, Source second) : first_(std::move(first)), second_(std::move(second)) {}

  std::int64_t size() const override { return first_->size() + second_->size(); }
  int channels() const override { return first_->channels(); }
  std::optional<io::ImageShape> common_shape() const override { return first_->common_shape(); }
  bool is_on_black() const override { return first_->is_on_black(); }
  std::optional<io::ImageShape> shape(std::int64_t index) const override { return source(index).shape(place(index)); }
  io::Image image(std::int64_t index) const override { return source(index).image(place(index)); }
  io::Image reduced_image(std::int64_t index, int reduction) const override {
    return source(index).reduced_image(place(index), reduction);
  }
  std::int64_t label(std::int64_t index) const override { return source(index).label(place(index)); }
  std::string name(std::int64_t index) const override { return source(index).name(place(index)); }
  std::string key(std::int64_t index) const override { return source(index).key(place(index)); }
  std::string content(std::int64_t index) const override { return source(index).content(place(index)); }

 private:
  const images::ImageSource& source(std::int64_t index) const { return index < first_->size() ? *first_ : *second_; }
  std::int64_t place(std::int64_t index) const { return index < first_->size() ? index : index - first_->size(); }

  Source first_, second_;
};

Source all_images(const images::DataSet& set) {
  if (!set.valid) return set.train;
  return std::make_shared<const JoinedSource>(set.train, set.valid);
}

/// Images of a data set, the split that they are, and the random stream of their noise.
struct Split {
  Source source;
  EvalSplit split;
  ops::Stream noise;
};

Split find_split(const EvalSettings& settings, images::DataSet set, const nn::Glow& model) {
  auto split = settings.split;
  if (split == EvalSplit::kAuto) split = set.test ? EvalSplit::kTest : EvalSplit::kValid;
  if (split == EvalSplit::kAll) return {all_images(set), split, ops::Stream::kDequantisation};
  if (split == EvalSplit::kTest) {
    if (!set.test) throw ConfigError("split", set.name + " has no test images");
    return {set.test, split, ops::Stream::kTestNoise};
  }
  const auto fingerprint = images::fingerprint(set);
  set = divide(std::move(set), fingerprint, settings.held_out, model->training_data(), settings.model);
  if (split == EvalSplit::kTrain) return {set.train, split, ops::Stream::kTrainScoreNoise};
  if (!set.valid) {
    throw ConfigError("split", set.name + " has no validation images, and none of its " + grouped(set.train->size()) +
                                   " can be held out (--split all scores them)");
  }
  return {set.valid, split, ops::Stream::kValidationNoise};
}

/// The first `count` images; 0: all.
Source first_images(Source source, std::int64_t count) {
  if (count == 0 || count >= source->size()) return source;
  return std::make_shared<const data::SubsetSource>(std::move(source), index_range(0, count));
}

}  // namespace

EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how) {
  const bool conditional = model->options().num_classes > 0;
  const bool needs_labels = conditional && settings.score.classes == evaluate::ClassDensity::kLabel;
  const auto set = open_for_model("data", settings.data, model, needs_labels ? Labels::kRequired : Labels::kIfKnown,
                                  settings.reading, how);
  const bool labelled = conditional && same_classes(set, model);
  const auto [source, split, noise] = find_split(settings, set, model);
  return {.fitted = fitted("data", set.name, first_images(source, settings.count), model, settings.reading.geometry),
          .source = set.name,
          .split = to_string(split),
          .noise = noise,
          .labelled = labelled,
          .notes = SourceNotes(set)};
}

EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how) {
  auto reading = settings.reading;
  const auto* kind = images::parse_specification(settings.ood).kind;
  // The flags are about --data, which may be of another kind.
  if (kind == nullptr || !kind->has_image_files) reading.source = {};
  const auto set = open_for_model("ood", settings.ood, model, Labels::kUnused, reading, how);
  const auto source = first_images(set.test ? set.test : set.train, settings.count);
  return {.fitted = fitted("ood", set.name, source, model, settings.reading.geometry),
          .source = set.name,
          .split = to_string(set.test ? EvalSplit::kTest : EvalSplit::kAll),
          .notes = SourceNotes(set)};
}

}  // namespace glow::tools
