#include "tools/edit/edit_settings.h"

#include <algorithm>
#include <utility>

#include <glow/checks.h>
#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/shard.h>

#include "tools/common/files.h"
#include "tools/common/flags.h"
#include "tools/common/image_settings.h"
#include "tools/common/text.h"

namespace glow::tools {

std::vector<FlagText> image_flag_rows() {
  const std::vector<FlagText> rows{
      images_row("Images"),
      {"pick", "Images", "I,J,...", "indices of the images to use, from 0; not given: all"},
  };
  return rows + reading_rows("Images");
}

FlagText scale_row() { return {"scale", "Output", "S", "for a grid (FILE.png): each pixel becomes S x S pixels"}; }

std::vector<FlagText> edit_flag_table(const std::string& out, const std::vector<FlagText>& own,
                                      const std::string& precision) {
  const std::vector<FlagText> model{
      model_row("Model"),
      {"class", "Model", "NAME|I",
       "for a conditional model: the class of all images, by name or index; not given: each image's own, if known"},
  };
  const std::vector<FlagText> rest{
      {"out", "Output", "OUT", out},
      overwrite_row("Output", "a file, or the numbered pictures in a folder"),
      batch_row(),
  };
  auto computing = compute_rows(Launchable::kNo);
  auto& precision_row = *std::ranges::find(computing, "precision", &FlagText::field);
  precision_row.help = precision;
  precision_row.choices = {"fp32", "fp64"};
  return model + own + rest + computing + std::vector{data_threads_row()};
}

void check(const EditSettings& settings) {
  constexpr std::int64_t kLargestBatch = 1 << 20;
  require_given("model", settings.model, "a model file");
  require_given("out", settings.out, "a file or folder");
  require_range("batch", settings.batch, 1, kLargestBatch);
  const auto precision = settings.precision.value_or(Precision::kFp32);
  if (precision != Precision::kFp32 && precision != Precision::kFp64) {
    throw ConfigError("precision", "expected fp32 or fp64, because rounded networks have no exact inverse, got " +
                                       to_string(precision));
  }
}

namespace {

/// Adds the files of all images, including those that --pick leaves out.
void add_files(const std::vector<std::string>& words, const images::ImageSource& source, InputFiles& inputs) {
  for (const auto& word : words) inputs.add_source(word);
  if (source.common_shape()) return;  // arrays, whose images are not files
  for (std::int64_t i = 0; i < source.size(); ++i) inputs.add(source.name(i));
}

void check_pick(const std::vector<std::int64_t>& pick, std::int64_t images) {
  for (const auto place : pick) require_range("pick", place, 0, images - 1);
}

std::string text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

/// Throws unless the images have the model's size, or have a black background and can be padded to it.
void check_sizes(const images::ImageSource& source, const nn::GlowOptions& model) {
  const auto checked = source.common_shape() ? std::min<std::int64_t>(1, source.size()) : source.size();
  for (std::int64_t i = 0; i < checked; ++i) {
    const auto shape = source.shape(i);
    if (!shape) continue;
    const bool is_framed = source.is_on_black() && shape->height <= model.height && shape->width <= model.width;
    if (is_framed || (shape->height == model.height && shape->width == model.width)) continue;
    throw ConfigError("images", source.name(i) + " is " + text(shape->height, shape->width) +
                                    " (height x width), the model's images are " + text(model.height, model.width) +
                                    " (--resize fit crops and scales larger ones)");
  }
}

}  // namespace

torch::Tensor EditImages::bytes(std::int64_t first, std::int64_t count) const {
  return images().bytes(index_range(first, first + count));
}

torch::Tensor EditImages::labels() const {
  const auto labels = images().labels(index_range(0, size()));
  return model_labels.empty() ? labels : torch::tensor(model_labels, torch::kLong).index_select(0, labels);
}

EditImages open_edit_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs) {
  if (settings.images.empty()) throw ConfigError("images", "expected images, none are given");
  const auto& geometry = settings.reading.geometry;
  auto [source, are_test, labelled, notes, subset] =
      open_given_images("images", settings.images, model, Labels::kIfKnown, settings.reading);
  add_files(settings.images, *source, inputs);
  check_pick(settings.pick, source->size());
  auto places = settings.pick;
  if (places.empty()) {
    places = index_range(0, source->size());
  } else {
    source = std::make_shared<data::SubsetSource>(source, places);
    subset.narrow(source->size(), "the picked ones", "--pick");
  }
  // If neither the flags nor the model file define how to resize images, they must have the model's size.
  const bool is_known = geometry.resize || geometry.random_crop || model->training_data();
  if (source->channels() == model->options().channels && !is_known) check_sizes(*source, model->options());
  return {.fitted = fitted("images", name_of(settings.images), source, model, geometry),
          .name = name_of(settings.images),
          .labelled = labelled,
          .places = std::move(places),
          .notes = std::move(notes),
          .subset = std::move(subset)};
}

EditImages open_few_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs) {
  constexpr std::int64_t kMostShown = 1000;
  auto images = open_edit_images(settings, model, inputs);
  if (images.size() > kMostShown) {
    throw ConfigError("images", std::to_string(images.size()) + " are more than the " + std::to_string(kMostShown) +
                                    " that can be shown together (--pick chooses)");
  }
  return images;
}

}  // namespace glow::tools
