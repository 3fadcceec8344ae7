#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/data/source.h>
#include <glow/nn/glow.h>

#include "tools/common/files.h"
#include "tools/edit/edit_settings.h"

namespace glow::tools {

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
  /// data::DataSet::skipped
  std::vector<std::string> skipped = {};

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
