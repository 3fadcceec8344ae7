#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/images/source.h>
#include <glow/nn/glow.h>

#include "tools/common/compute.h"
#include "tools/common/data_settings.h"
#include "tools/common/files.h"
#include "tools/common/flags.h"
#include "tools/common/image_settings.h"

namespace glow::tools {

/// The options of all subcommands of glow-edit.
struct EditSettings {
  std::string model;
  std::string out;
  /// Name or index; empty: the images' own classes, if they are known.
  std::string class_name;
  std::int64_t batch = 32;
  bool overwrite = false;
  /// kFp32 or kFp64: with rounded networks the inverse is not exact. Nullopt: kFp32, or that of a file of latents.
  std::optional<Precision> precision;
  /// Its precision is not used.
  ComputeSettings compute;
};

template <class Visitor>
void visit_fields(EditSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("out", settings.out);
  visit("class", settings.class_name);
  visit("batch", settings.batch);
  visit("overwrite", settings.overwrite);
  visit("precision", settings.precision);
  visit("device", settings.compute.device);
  visit("threads", settings.compute.threads);
  visit("data_threads", settings.compute.data_threads);
}

/// The images to edit.
struct ImageSettings {
  /// See open_given_images.
  std::vector<std::string> images;
  /// Indices of the images to edit; empty: all.
  std::vector<std::int64_t> pick;
  ReadingSettings reading;
};

template <class Visitor>
void visit_fields(ImageSettings& settings, Visitor&& visit) {
  visit("images", settings.images);
  visit("pick", settings.pick);
  visit_fields(settings.reading, visit);
}

/// The rows of a subcommand, combined with those of EditSettings. `out`, `precision`: the help texts of these flags.
std::vector<FlagText> edit_flag_table(const std::string& out, const std::vector<FlagText>& own,
                                      const std::string& precision = "fp32 or fp64; not given: fp32");
/// The rows of ImageSettings.
std::vector<FlagText> image_flag_rows();
/// The row of `scale`.
FlagText scale_row();

/// Throws ConfigError that names the field.
void check(const EditSettings& settings);

/// Images of the model's size and channels.
struct EditImages {
  FittedImages fitted;
  /// The name of the images in messages.
  std::string name;
  /// Whether some of the images have a class of the model.
  bool labelled = false;
  /// The model's label for each of the data's labels, -1 for none. Empty: data and model have the same classes.
  std::vector<std::int64_t> model_labels = {};
  /// The indices of the images in the source.
  std::vector<std::int64_t> places;
  SourceNotes notes = {};
  /// Which of the given images they are.
  Subset subset = {};

  const data::Images& images() const { return *fitted.images; }
  std::int64_t size() const { return images().size(); }
  std::int64_t place(std::int64_t index) const { return places[static_cast<std::size_t>(index)]; }
  /// Images first ... first + count - 1, uint8 [count, C, H, W].
  torch::Tensor bytes(std::int64_t first, std::int64_t count) const;
  /// int64 [N], -1 for an image without a label.
  torch::Tensor labels() const;
};

/// Adds the images' files to `inputs`. Throws ConfigError naming the field for images that do not fit the model;
/// IoError, FormatError.
EditImages open_edit_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs);

/// The same, but throws ConfigError when there are more images than one picture can show clearly.
EditImages open_few_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs);

}  // namespace glow::tools
