#include "tools/eval/eval_images.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <glow/data/source.h>
#include <glow/data/split.h>
#include <glow/error.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

using Source = std::shared_ptr<const data::ImageSource>;

/// The concatenation of two sources of one data set.
class JoinedSource : public data::ImageSource {
 public:
  JoinedSource(Source first, Source second) : first_(std::move(first)), second_(std::move(second)) {}

  std::int64_t size() const override { return first_->size() + second_->size(); }
  int channels() const override { return first_->channels(); }
  std::optional<io::ImageShape> common_shape() const override { return first_->common_shape(); }
  bool is_on_black() const override { return first_->is_on_black(); }
  io::ImageShape shape(std::int64_t index) const override { return source(index).shape(place(index)); }
  io::Image image(std::int64_t index) const override { return source(index).image(place(index)); }
  std::int64_t label(std::int64_t index) const override { return source(index).label(place(index)); }
  std::string name(std::int64_t index) const override { return source(index).name(place(index)); }

 private:
  const data::ImageSource& source(std::int64_t index) const { return index < first_->size() ? *first_ : *second_; }
  std::int64_t place(std::int64_t index) const { return index < first_->size() ? index : index - first_->size(); }

  Source first_, second_;
};

Source all_images(const data::DataSet& set) {
  if (!set.valid) return set.train;
  return std::make_shared<const JoinedSource>(set.train, set.valid);
}

/// Images of a data set, their name, and the random stream of their noise.
struct Split {
  Source source;
  std::string name;
  ops::Stream noise;
};

Split find_split(const EvalSettings& settings, data::DataSet set, const nn::Glow& model) {
  auto split = settings.split;
  if (split == EvalSplit::kAuto) split = set.test ? EvalSplit::kTest : EvalSplit::kValid;
  if (split == EvalSplit::kAll) return {all_images(set), "all", ops::Stream::kDequantisation};
  if (split == EvalSplit::kTest) {
    if (!set.test) throw ConfigError("split", set.name + " has no test images");
    return {set.test, "test", ops::Stream::kTestNoise};
  }
  const auto fingerprint = data::fingerprint(set);
  set = divide(std::move(set), fingerprint, settings.held_out, model->training_data(), settings.model);
  if (split == EvalSplit::kTrain) return {set.train, "train", ops::Stream::kTrainScoreNoise};
  if (!set.valid) {
    throw ConfigError("split", set.name + " has no validation images, and none of its " + grouped(set.train->size()) +
                                   " can be held out (--split all scores them)");
  }
  return {set.valid, "valid", ops::Stream::kValidationNoise};
}

/// The first `count` images; 0: all.
Source first_images(Source source, std::int64_t count) {
  if (count == 0 || count >= source->size()) return source;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return std::make_shared<const data::SubsetSource>(std::move(source), std::move(indices));
}

}  // namespace

EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model) {
  const bool conditional = model->options().num_classes > 0;
  const bool needs_labels = conditional && settings.score.classes == evaluate::ClassDensity::kLabel;
  const auto set = open_for_model("data", settings.data, model, needs_labels ? Labels::kRequired : Labels::kIfKnown);
  const bool labelled = conditional && same_classes(set, model);
  const auto [source, split, noise] = find_split(settings, set, model);
  return {.fitted = fitted("data", set.name, first_images(source, settings.count), model, settings.geometry),
          .source = set.name,
          .split = split,
          .noise = noise,
          .labelled = labelled,
          .skipped = set.skipped};
}

EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model) {
  const auto set = open_for_model("ood", settings.ood, model, Labels::kUnused);
  const auto source = first_images(set.test ? set.test : set.train, settings.count);
  return {.fitted = fitted("ood", set.name, source, model, settings.geometry),
          .source = set.name,
          .split = set.test ? "test" : "all",
          .skipped = set.skipped};
}

}  // namespace glow::tools
