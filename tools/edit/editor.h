#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/image_grid.h>
#include <glow/nn/glow.h>

#include "tools/common/image_output.h"
#include "tools/common/input_files.h"
#include "tools/common/status_line.h"
#include "tools/edit/edit_images.h"
#include "tools/edit/edit_settings.h"

namespace glow::tools {

/// A model at work for one subcommand: images to latents and back in batches, with progress on stderr, until a signal
/// comes (then its functions throw Interrupted).
class Editor {
 public:
  /// Opens the model. The console must live as long. Throws ConfigError naming a field of `settings`, IoError,
  /// FormatError.
  Editor(const EditSettings& settings, Console& console);

  const nn::Glow& model() const { return model_; }
  const nn::GlowOptions& options() const { return model_->options(); }
  const nn::Quantizer& quantizer() const { return model_->quantizer(); }
  /// SHA-256 of the model file.
  const std::string& checksum() const { return checksum_; }
  /// The files that no output may replace: the model, and those that a subcommand adds.
  InputFiles& inputs() { return inputs_; }

  /// int64 [N] for a conditional model: the class that was asked for, else the images' own; undefined for an
  /// unconditional one. Throws ConfigError naming `class` when there is none.
  torch::Tensor labels(const EditImages& images) const;
  /// The same for images that are mixed, which must have one class.
  torch::Tensor common_labels(const EditImages& images) const;
  /// The same for the labels that a file holds for `count` images; `stored` may be undefined.
  torch::Tensor labels(const torch::Tensor& stored, std::int64_t count, const std::string& file) const;

  /// Latents of uint8 [N, C, H, W] (the centres of the bins), on the model's device, in one batch.
  nn::Latents encode_batch(const torch::Tensor& bytes, const torch::Tensor& labels) const;
  /// uint8 [N, C, H, W] on the CPU.
  torch::Tensor decode_batch(const nn::Latents& latents, const torch::Tensor& labels);
  /// Prints to stderr how images are brought to the model's size, unless they have it, and which were left out.
  void tell(const EditImages& images);
  /// The same, then encodes them batch by batch and calls work(first, latents) for each: latents of images first, first
  /// + 1 ...
  void encode(const EditImages& images, const torch::Tensor& labels,
              const std::function<void(std::int64_t, const nn::Latents&)>& work);
  /// Calls work(first, count) for one batch after the other of `total`, and shows "`done` n/total images".
  void in_batches(std::int64_t total, const std::string& done,
                  const std::function<void(std::int64_t, std::int64_t)>& work);
  /// Images in a batch.
  std::int64_t batch() const { return settings_.batch; }
  /// Shows "`done` images/total images", and clears it.
  void show(const std::string& done, std::int64_t images, std::int64_t total);
  void show_nothing() { status_.clear(); }

  /// Where images go; a grid has the columns and labels. Throws as open_image_output.
  std::unique_ptr<ImageOutput> output(std::int64_t count, std::int64_t columns, const data::GridLabels& labels,
                                      std::int64_t scale, std::int64_t frame_milliseconds = 0) const;
  /// Throws ConfigError naming `out` unless a file of one of these extensions (".npy") may be written there, in place
  /// of none of the inputs and of no .safetensors file but one of this format; IoError when it cannot.
  void check_file_output(const std::vector<std::string>& extensions, const std::string& format) const;
  /// After everything is written. Throws NumericalError naming the first images, in the order in which they were
  /// decoded, that had values that are not finite.
  void require_finite() const;
  /// The same, but only prints it to stderr: users try how far an edit can go.
  void report_not_finite();

 private:
  std::string not_finite_text() const;

  EditSettings settings_;
  nn::Glow model_{nullptr};
  std::string checksum_;
  InputFiles inputs_;
  std::int64_t class_index_ = -1;
  std::int64_t decoded_ = 0;
  /// Places among the images decoded, of those with such values.
  std::vector<std::int64_t> not_finite_;
  StatusLine status_;
};

/// A part of labels, or of none.
torch::Tensor narrow_labels(const torch::Tensor& labels, std::int64_t first, std::int64_t count);
/// Each label `times` times.
torch::Tensor repeat_labels(const torch::Tensor& labels, std::int64_t times);

/// "1 image in out.png", "12 images in out.png"
std::string images_in(std::int64_t count, const std::string& out);

}  // namespace glow::tools
