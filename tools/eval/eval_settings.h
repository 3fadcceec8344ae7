#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/enum_names.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>
#include <glow/ops/random.h>

#include "tools/common/compute.h"
#include "tools/common/data_settings.h"
#include "tools/common/flags.h"
#include "tools/common/image_settings.h"

namespace glow::tools {

/// The images of a data source that are scored.
enum class EvalSplit {
  /// The test images; if the source has none, the validation images.
  kAuto,
  kTrain,
  kValid,
  kTest,
  /// Training and validation images together.
  kAll,
};

/// "auto", "train", "valid", "test", "all"
constexpr EnumNames<EvalSplit, 5> enum_names(EvalSplit) {
  return {"split",
          {{{"auto", EvalSplit::kAuto},
            {"train", EvalSplit::kTrain},
            {"valid", EvalSplit::kValid},
            {"test", EvalSplit::kTest},
            {"all", EvalSplit::kAll}}}};
}

/// The score by which images are ordered. The names are those of the columns of scores.csv.
enum class ScoreKind { kBitsPerDim, kImportance, kComplexityCorrected };

/// "bits_per_dim", "importance_bits_per_dim", "complexity_corrected"
constexpr EnumNames<ScoreKind, 3> enum_names(ScoreKind) {
  return {"score",
          {{{"bits_per_dim", ScoreKind::kBitsPerDim},
            {"importance_bits_per_dim", ScoreKind::kImportance},
            {"complexity_corrected", ScoreKind::kComplexityCorrected}}}};
}

/// The values of glow-eval's flags.
struct EvalSettings {
  std::string model;
  /// Everything in it is scored (open_given_images). Either this or `data` is given, the other is empty.
  std::vector<std::string> images;
  /// A specification for images::open_data_set.
  std::string data;
  EvalSplit split = EvalSplit::kAuto;
  HeldOutSettings held_out;
  ReadingSettings reading;
  /// Scores only this many images of a source, from the first; 0: all.
  std::int64_t count = 0;
  /// Other images, as `images`, whose scores are compared; empty: none.
  std::vector<std::string> ood;
  /// follow_training sets seed and batch from the next two fields.
  evaluate::ScoreOptions score;
  /// Nullopt: the seed of the model's training, or 0 if the model file has no training record.
  std::optional<std::uint64_t> seed;
  /// Nullopt: the batch of the evaluations in the model's training, or 64 if the model file has no training record.
  std::optional<std::int64_t> batch;
  /// Number of images that are encoded and decoded; 0: none.
  std::int64_t round_trip = 64;
  /// The number of images to list with the largest and with the smallest score.
  std::int64_t worst = 0, best = 0;
  ScoreKind sort_by = ScoreKind::kBitsPerDim;
  /// Files; empty: not written.
  std::string scores;
  std::string histogram;
  bool overwrite = false;
  bool json = false;
  ComputeSettings compute;
};

template <class Visitor>
void visit_fields(EvalSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("images", settings.images);
  visit("data", settings.data);
  visit("split", settings.split);
  visit_fields(settings.held_out, visit);
  visit_fields(settings.reading, visit);
  visit("count", settings.count);
  visit("ood", settings.ood);
  visit("draws", settings.score.draws);
  visit("importance", settings.score.importance);
  visit("classes", settings.score.classes);
  visit("seed", settings.seed);
  visit("round_trip", settings.round_trip);
  visit("worst", settings.worst);
  visit("best", settings.best);
  visit("sort_by", settings.sort_by);
  visit("scores", settings.scores);
  visit("histogram", settings.histogram);
  visit("overwrite", settings.overwrite);
  visit("json", settings.json);
  visit("batch", settings.batch);
  visit_fields(settings.compute, visit);
}

/// Rows for the fields of EvalSettings.
const std::vector<FlagText>& eval_flag_table();

/// Checks and completes settings that contain the values of the `given` flags. Throws ConfigError for a flag that is
/// missing or out of range, or that contradicts another.
void resolve_settings(EvalSettings& settings, const GivenFlags& given);

/// Sets seed and batch of the scores; where they are not given, from the model's training record.
void follow_training(EvalSettings& settings, const std::optional<nn::TrainingData>& record);

/// Throws ConfigError for settings that do not fit the model.
void check_for_model(const EvalSettings& settings, const nn::GlowOptions& model);

/// The images of a source to be scored, at the model's size.
struct EvalImages {
  FittedImages fitted;
  /// The specification of the source.
  std::string source;
  /// "test", "valid" ... or "all"
  std::string split;
  /// The random stream of the noise of these images.
  ops::Stream noise = ops::Stream::kOtherNoise;
  /// Whether the labels are classes of the model.
  bool labelled = false;
  SourceNotes notes = {};
  /// Which of the images of the source they are.
  Subset subset = {};

  const data::Images& images() const { return *fitted.images; }
};

/// The images of --images, or those of --data: by default the test images, otherwise those that the model's training
/// held out. The same images in the same order have the same noise, whether given by --images or --data. `how`: see
/// shared_opening. Throws ConfigError naming the field that does not fit them or the model; IoError, FormatError.
EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how);

/// The images of --ood, with noise of their own. Throws the same.
EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model, const images::OpenOptions& how);

}  // namespace glow::tools
