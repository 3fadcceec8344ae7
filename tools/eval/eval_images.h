#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <glow/data/images.h>
#include <glow/nn/glow.h>

#include "tools/eval/eval_settings.h"

namespace glow::tools {

/// The images of a source that are scored, at the model's size.
struct EvalImages {
  std::shared_ptr<const data::Images> images;
  /// The source as it was given.
  std::string source;
  /// "test", "valid" ...
  std::string split;
  /// Whether the labels are classes of the model.
  bool labelled = false;
};

/// The images of --data. Throws ConfigError naming the field that cannot work with them or the model; IoError and
/// FormatError as the files deserve.
EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model);

/// Those of --ood: the test images where the source has such, else all. Throws the same.
EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model);

}  // namespace glow::tools
