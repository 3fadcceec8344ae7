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

#include "tools/common/source_images.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

using Source = std::shared_ptr<const data::ImageSource>;

/// The images of one source, then those of another, of the same data set.
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

/// The split that is wanted, and its name.
std::pair<Source, std::string> find_split(const EvalSettings& settings, data::DataSet set) {
  auto split = settings.split;
  if (split == EvalSplit::kAuto) split = set.test ? EvalSplit::kTest : EvalSplit::kValid;
  if (split == EvalSplit::kAll) return {all_images(set), "all"};
  if (split == EvalSplit::kTest) {
    if (!set.test) throw ConfigError("split: " + set.name + " has no test images");
    return {set.test, "test"};
  }
  set = data::hold_out_validation(std::move(set), settings.valid_images, settings.seed);
  if (split == EvalSplit::kTrain) return {set.train, "train"};
  if (!set.valid) {
    throw ConfigError("split: " + set.name + " has no validation images, and none of its " +
                      grouped(set.train->size()) + " can be held out (--split all scores them)");
  }
  return {set.valid, "valid"};
}

/// The first `count` images; all for 0.
Source first_images(Source source, std::int64_t count) {
  if (count == 0 || count >= source->size()) return source;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return std::make_shared<const data::SubsetSource>(std::move(source), std::move(indices));
}

std::shared_ptr<const data::Images> scored_images(const std::string& field, const std::string& name,
                                                  const Source& source, const EvalSettings& settings,
                                                  const nn::Glow& model) {
  return fitted(field, name, first_images(source, settings.count), model->options(), settings.resize);
}

/// Whether the classes of the data are those of the model, as far as their names are known.
bool same_classes(const data::DataSet& set, const nn::Glow& model) {
  const auto& names = model->class_names();
  const auto count = static_cast<std::int64_t>(set.class_names.size());
  return count == model->options().num_classes && (names.empty() || names == set.class_names);
}

/// With labels where they are classes of the model; a density that needs none is no reason to refuse other images.
data::DataSet open_with_known_labels(const EvalSettings& settings, const nn::Glow& model) {
  try {
    auto set = open_data_set("data", settings.data, {.with_labels = true});
    if (same_classes(set, model)) return set;
  } catch (const FormatError&) {
    // Of a folder whose images are in no folder of a class. What else may be wrong is found again below.
  }
  return open_data_set("data", settings.data);
}

}  // namespace

EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model) {
  const bool conditional = model->options().num_classes > 0;
  const bool needs_labels = conditional && settings.classes == latent::ClassDensity::kLabel;
  const auto set = needs_labels  ? open_data_set("data", settings.data, {.with_labels = true})
                   : conditional ? open_with_known_labels(settings, model)
                                 : open_data_set("data", settings.data);
  const bool labelled = conditional && same_classes(set, model);
  if (needs_labels && !labelled) {
    throw ConfigError("data: " + set.name + (set.class_names.empty() ? " has no classes" : " has other classes") +
                      ", and " + settings.model + " is conditional (--classes marginal needs none)");
  }
  const auto [source, split] = find_split(settings, set);
  return {.images = scored_images("data", set.name, source, settings, model),
          .source = set.name,
          .split = split,
          .labelled = labelled};
}

EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model) {
  const auto set = open_data_set("ood", settings.ood);
  return {.images = scored_images("ood", set.name, set.test ? set.test : set.train, settings, model),
          .source = set.name,
          .split = set.test ? "test" : "all"};
}

}  // namespace glow::tools
