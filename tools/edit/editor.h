#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/image_grid.h>
#include <glow/evaluate/round_trip.h>
#include <glow/latent/codec.h>
#include <glow/nn/glow.h>
#include <glow/nn/latents.h>

#include "tools/common/console.h"
#include "tools/common/files.h"
#include "tools/common/image_output.h"
#include "tools/edit/edit_settings.h"

namespace glow::tools {

/// The images whose latents a model does not decode to the bytes that were encoded.
class ChangedImages {
 public:
  /// Adds those of a batch that begins at image `first`.
  void add(const evaluate::Returned& batch, std::int64_t first);

  bool empty() const { return images_.empty(); }
  std::int64_t size() const { return std::ssize(images_); }
  /// "3129: photos/a.png, 168 grey levels", "3129: photos/a.png, not finite"
  std::string line(std::int64_t place, const data::Images& images) const;
  /// "off by up to 168 grey levels, 2 of them not finite"
  std::string difference() const;

 private:
  struct Changed {
    std::int64_t index;
    /// Nullopt: decoded values are not finite.
    std::optional<std::int64_t> grey_levels;
  };
  std::vector<Changed> images_;
};

/// The model of one subcommand. Encodes and decodes images in batches and shows the progress on stderr. After a signal
/// its functions throw Interrupted.
class Editor {
 public:
  /// Opens the model. The console must outlive this object. `images`: the words of --images, among which a missing
  /// model may be. Throws ConfigError naming a field of `settings`, IoError, FormatError.
  Editor(const EditSettings& settings, Console& console, const std::vector<std::string>& images = {});

  const nn::Glow& model() const { return codec_->model(); }
  const nn::GlowOptions& options() const { return model()->options(); }
  /// SHA-256 of the model file.
  const std::string& checksum() const { return checksum_; }
  /// The files that no output may replace: the model, and the inputs that a subcommand adds.
  InputFiles& inputs() { return inputs_; }

  /// int64 [N] for a conditional model: the requested class, otherwise the images' own classes; undefined for an
  /// unconditional model. Throws ConfigError naming `class` when there is none.
  torch::Tensor labels(const EditImages& images) const;
  /// The same for images whose latents are mixed: they must all have the same class.
  torch::Tensor common_labels(const EditImages& images) const;
  /// The same for the labels in a file of `count` images; `stored` may be undefined.
  torch::Tensor labels(const torch::Tensor& stored, std::int64_t count, const std::string& file) const;

  /// Prints to stderr which images were left out or are not used, and how images were resized to the model's size, if
  /// they were.
  void tell(const EditImages& images);
  /// The same; then encodes the images batch by batch and calls work(first, latents) for each batch, which begins at
  /// image `first`. Prints which images do not come back from their latents.
  void encode(const EditImages& images, const torch::Tensor& labels,
              const std::function<void(std::int64_t, const nn::Latents&)>& work);
  /// A message about images that do not come back, with a line for each, the first twenty of them. `where`: empty, or
  /// " in " and the file of the latents. `remark`: more advice, or empty.
  std::string changed_text(const ChangedImages& changed, const EditImages& images, const std::string& where = "",
                           const std::string& remark = "") const;
  /// Codec::in_batches, showing "`done` n/total images".
  void in_batches(std::int64_t total, const std::string& done,
                  const std::function<void(std::int64_t, std::int64_t)>& work);
  /// For computing single batches.
  latent::Codec& codec() { return *codec_; }
  /// Show "`done` 30/100 images" in the status line, and clear the line.
  void show(const std::string& done, std::int64_t images, std::int64_t total);
  void show_nothing() { status_.clear(); }
  /// Prints a line to stderr.
  void log(const std::string& text);

  /// The destination of images; a grid has the given columns and labels. Throws as open_image_output.
  std::unique_ptr<ImageOutput> output(std::int64_t count, std::int64_t columns, const data::GridLabels& labels,
                                      std::int64_t scale, std::int64_t frame_milliseconds = 0) const;
  /// Throws ConfigError naming `out` when a file with one of these extensions (".npy") must not be written there: it
  /// would replace an input, or a .safetensors file of another format. Throws IoError when it cannot be written.
  void check_file_output(const std::vector<std::string>& extensions, const std::string& format) const;
  /// Call after everything is written. Throws NumericalError when decoded images have values that are not finite; it
  /// names the first of them, in the order of decoding.
  void require_finite() const;
  /// The same, but prints a warning to stderr instead of throwing: users try out how far an edit can go.
  void report_not_finite();

 private:
  std::string not_finite_text() const;

  EditSettings settings_;
  std::string checksum_;
  InputFiles inputs_;
  std::int64_t class_index_ = -1;
  StatusLine status_;
  /// `done` of the current in_batches, for example "encoded".
  std::string doing_;
  std::optional<latent::Codec> codec_;
};

/// Repeats each label `times` times.
torch::Tensor repeat_labels(const torch::Tensor& labels, std::int64_t times);

/// "1 image in out.png", "12 images in out.png"
std::string images_in(std::int64_t count, const std::string& out);

/// Decodes latents into an output: they are added in pieces of any size and decoded in full batches.
class PictureQueue {
 public:
  /// Shows the progress of `total` pictures. `editor` and `output` must outlive this object.
  PictureQueue(Editor& editor, ImageOutput& output, std::int64_t total)
      : editor_(editor), output_(output), total_(total) {}

  /// Adds latents and their labels (see latent::Codec::decode). Throws Interrupted, IoError.
  void add(const nn::Latents& latents, const torch::Tensor& labels);
  /// Call after the last piece: decodes the remaining latents and finishes the output.
  void finish();

 private:
  void decode_waiting();

  Editor& editor_;
  ImageOutput& output_;
  std::int64_t total_;
  /// Latents that are not decoded yet, their labels and their number.
  std::vector<nn::Latents> latents_;
  std::vector<torch::Tensor> labels_;
  std::int64_t waiting_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace glow::tools
