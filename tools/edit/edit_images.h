#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/data/source.h>
#include <glow/nn/glow.h>

#include "tools/common/input_files.h"
#include "tools/edit/edit_settings.h"

namespace glow::tools {

/// Images of the model's size and channels.
struct EditImages {
  FittedImages fitted;
  /// What messages call them.
  std::string name;
  /// Whether some of them have labels that are classes of the model.
  bool labelled = false;
  /// Of the data's classes, in the order of their labels: the model's labels for them, -1 for none. Empty: they are
  /// the same.
  std::vector<std::int64_t> model_labels = {};
  /// Their places in the source.
  std::vector<std::int64_t> places;
  /// data::DataSet::skipped
  std::vector<std::string> skipped = {};

  const data::Images& images() const { return *fitted.images; }
  std::int64_t size() const { return images().size(); }
  std::int64_t place(std::int64_t index) const { return places[static_cast<std::size_t>(index)]; }
  /// uint8 [count, C, H, W] of images first ... first + count - 1.
  torch::Tensor bytes(std::int64_t first, std::int64_t count) const;
  /// int64 [N], -1 where there is none.
  torch::Tensor labels() const;
};

/// Throws ConfigError naming the field for images that do not fit the model, IoError and FormatError as the files
/// deserve. Their files are added to `inputs`.
EditImages open_edit_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs);

/// The same, refusing more images than one picture should show.
EditImages open_few_images(const ImageSettings& settings, const nn::Glow& model, InputFiles& inputs);

}  // namespace glow::tools
