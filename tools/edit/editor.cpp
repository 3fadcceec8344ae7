#include "tools/edit/editor.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>

#include "tools/common/compute.h"
#include "tools/common/files.h"
#include "tools/common/interruption.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

bool has_format(const std::filesystem::path& path, const std::string& format) {
  try {
    return io::SafetensorsReader(path).metadata_value("format") == format;
  } catch (const FormatError&) {
    return false;
  }
}

}  // namespace

Editor::Editor(const EditSettings& settings, Console& console, const std::vector<std::string>& images)
    : settings_(settings), status_(console, /*quiet=*/false) {
  if (settings.model.empty()) refuse_model_files("images", images);
  check(settings);
  settings_.compute.precision = settings.precision.value_or(Precision::kFp32);
  nn::ModelInfo info;
  const auto compute = start_computing(settings_.compute);
  if (!compute.note.empty()) status_.log(compute.note);
  const auto model = open_model(settings.model, compute, &info);
  inputs_.add(settings.model);
  checksum_ = info.checksum;
  class_index_ = find_class(settings.class_name, model);
  note_interruptions();
  codec_.emplace(model, settings.batch, [this](std::int64_t done, std::int64_t total) {
    show(doing_, done, total);
    throw_if_interrupted();
  });
}

torch::Tensor Editor::labels(const torch::Tensor& stored, std::int64_t count, const std::string& file) const {
  if (options().num_classes == 0) return {};
  if (class_index_ >= 0) return torch::full({count}, class_index_, torch::kLong);
  if (stored.defined()) return stored;
  throw ConfigError("class", "expected a class of " + std::to_string(options().num_classes) +
                                 ", because the model is conditional and the classes of " + file + " are not known");
}

torch::Tensor Editor::labels(const EditImages& images) const {
  if (!images.labelled || options().num_classes == 0 || class_index_ >= 0)
    return labels({}, images.size(), images.name);
  const auto own = images.labels();
  const auto without = own.lt(0).nonzero();
  if (without.numel() == 0) return own;
  throw ConfigError("class", "expected one for all images, because " +
                                 images.images().name(without[0].item<std::int64_t>()) +
                                 " lies in no folder that is named after a class of the model");
}

torch::Tensor Editor::common_labels(const EditImages& images) const {
  const auto labels = this->labels(images);
  if (labels.defined() && !labels.eq(labels[0]).all().item<bool>()) {
    throw ConfigError("class",
                      "expected one for all images, because they are of several classes and the model is conditional");
  }
  return labels;
}

void ChangedImages::add(const evaluate::Returned& batch, std::int64_t first) {
  for (std::int64_t i = 0; i < batch.changed.size(0); ++i) {
    if (!batch.changed[i].item<bool>()) continue;
    const bool is_finite = batch.finite[i].item<bool>();
    images_.push_back({first + i, is_finite ? std::optional(batch.grey_levels[i].item<std::int64_t>()) : std::nullopt});
  }
}

std::string ChangedImages::line(std::int64_t place, const data::Images& images) const {
  const auto& [index, grey_levels] = images_.at(static_cast<std::size_t>(place));
  return std::to_string(index) + ": " + one_line(images.name(index)) + ", " +
         (grey_levels ? count_text(*grey_levels, "grey level") : "not finite");
}

std::string ChangedImages::difference() const {
  const auto not_finite = std::ranges::count_if(images_, [](const Changed& image) { return !image.grey_levels; });
  if (not_finite == size()) return "with values that are not finite";
  // Nullopt is the least.
  const auto largest = std::ranges::max(images_, {}, &Changed::grey_levels).grey_levels.value();
  return "off by up to " + count_text(largest, "grey level") +
         (not_finite > 0 ? ", " + grouped(not_finite) + " of them not finite" : "");
}

void Editor::in_batches(std::int64_t total, const std::string& done,
                        const std::function<void(std::int64_t, std::int64_t)>& work) {
  throw_if_interrupted();
  doing_ = done;
  codec_->in_batches(total, work);
  status_.clear();
}

void Editor::show(const std::string& done, std::int64_t images, std::int64_t total) {
  status_.show_images(done, images, total);
}

void Editor::tell(const EditImages& images) {
  images.notes.log(status_);
  if (!images.subset.is_all()) status_.log("images: " + images.subset.text());
  if (images.fitted.from != GeometryFrom::kImages) status_.log("images: " + images.fitted.geometry_text());
}

void Editor::encode(const EditImages& images, const torch::Tensor& labels,
                    const std::function<void(std::int64_t, const nn::Latents&)>& work) {
  tell(images);
  ChangedImages changed;
  in_batches(images.size(), "encoded", [&](std::int64_t first, std::int64_t count) {
    const auto bytes = images.bytes(first, count);
    const auto own_labels = latent::narrow_labels(labels, first, count);
    const auto latents = codec_->encode_batch(bytes, own_labels);
    changed.add(evaluate::returned(model(), bytes, latents, own_labels), first);
    work(first, latents);
  });
  if (!changed.empty()) status_.log(changed_text(changed, images));
}

std::string Editor::changed_text(const ChangedImages& changed, const EditImages& images, const std::string& where,
                                 const std::string& remark) const {
  const auto count = changed.size();
  const auto text = grouped(count) + " of the " + count_text(images.size(), "image") + where +
                    (count == 1 ? " does" : " do") + " not come back " + byte_for_byte(options().bits) + ", " +
                    changed.difference();
  auto advice = remark;
  if (model()->dtype() != torch::kDouble) {
    advice += std::string(remark.empty() ? "" : "; ") + "--precision fp64 is more accurate";
  }
  return text + (advice.empty() ? "" : " (" + advice + ")") + ":" +
         listed_lines(count, [&](std::int64_t i) { return changed.line(i, images.images()); });
}

std::unique_ptr<ImageOutput> Editor::output(std::int64_t count, std::int64_t columns, const data::GridLabels& labels,
                                            std::int64_t scale, std::int64_t frame_milliseconds) const {
  const std::filesystem::path path = settings_.out;
  return open_image_output({.path = path,
                            .count = count,
                            .shape = image_shape(options()),
                            .columns = io::lower_extension(path) == ".png" ? columns : 0,
                            .overwrite = settings_.overwrite,
                            .inputs = inputs_,
                            .labels = labels,
                            .scale = scale,
                            .frame_milliseconds = frame_milliseconds});
}

void Editor::check_file_output(const std::vector<std::string>& extensions, const std::string& format) const {
  const auto another_format = [&](const std::filesystem::path& path) {
    const bool is_fine = io::lower_extension(path) != ".safetensors" || has_format(path, format);
    return is_fine ? "" : "is not of the format " + format;
  };
  check_output_file({.path = settings_.out,
                     .extensions = extensions,
                     .overwrite = settings_.overwrite,
                     .inputs = inputs_,
                     .foreign = another_format});
}

std::string Editor::not_finite_text() const {
  const auto count = std::ssize(codec_->not_finite());
  return images_in(count, settings_.out) + (count == 1 ? " has" : " have") + " values that are not finite";
}

void Editor::require_finite() const {
  const auto& not_finite = codec_->not_finite();
  if (not_finite.empty()) return;
  constexpr std::size_t kMostNamed = 8;
  const auto named = std::min(kMostNamed, not_finite.size());
  auto text = not_finite_text() + (not_finite.size() == 1 ? ": image " : ": images ");
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + std::to_string(not_finite[i]);
  throw NumericalError(text + (named < not_finite.size() ? ", ..." : ""));
}

void Editor::log(const std::string& text) { status_.log(text); }

void Editor::report_not_finite() {
  if (!codec_->not_finite().empty()) status_.log(not_finite_text() + ": the model cannot decode these latents");
}

torch::Tensor repeat_labels(const torch::Tensor& labels, std::int64_t times) {
  return labels.defined() ? labels.repeat_interleave(times) : labels;
}

std::string images_in(std::int64_t count, const std::string& out) { return count_text(count, "image") + " in " + out; }

void PictureQueue::add(const nn::Latents& latents, const torch::Tensor& labels) {
  const auto count = latent::count(latents);
  for (std::int64_t first = 0; first < count;) {
    const auto taken = std::min(count - first, editor_.codec().batch() - waiting_);
    latents_.push_back(latent::narrow(latents, first, taken));
    if (labels.defined()) labels_.push_back(latent::narrow_labels(labels, first, taken));
    waiting_ += taken;
    first += taken;
    if (waiting_ == editor_.codec().batch()) decode_waiting();
  }
}

void PictureQueue::finish() {
  if (waiting_ > 0) decode_waiting();
  editor_.show_nothing();
  output_.finish();
}

void PictureQueue::decode_waiting() {
  throw_if_interrupted();
  output_.add(editor_.codec().decode_batch(latent::concatenate(latents_),
                                           labels_.empty() ? torch::Tensor() : at::cat(labels_)));
  done_ += waiting_;
  editor_.show("decoded", done_, total_);
  latents_.clear();
  labels_.clear();
  waiting_ = 0;
}

}  // namespace glow::tools
