#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/nn/glow.h>
#include <glow/ops/random.h>

#include "tools/eval/eval_settings.h"

namespace glow::tools {

/// The images of a source to be scored, at the model's size.
struct EvalImages {
  FittedImages fitted;
  /// The specification of the source.
  std::string source;
  /// "test", "valid" ...
  std::string split;
  /// The random stream of the noise of these images.
  ops::Stream noise = ops::Stream::kOtherNoise;
  /// Whether the labels are classes of the model.
  bool labelled = false;
  /// data::DataSet::skipped
  std::vector<std::string> skipped = {};

  const data::Images& images() const { return *fitted.images; }
};

/// The images of --data: by default the test images, otherwise those that the model's training held out. Throws
/// ConfigError naming the field that does not fit them or the model; IoError, FormatError.
EvalImages open_eval_images(const EvalSettings& settings, const nn::Glow& model);

/// The images of --ood: the test images if the source has a test split, else all. Throws the same.
EvalImages open_ood_images(const EvalSettings& settings, const nn::Glow& model);

}  // namespace glow::tools
