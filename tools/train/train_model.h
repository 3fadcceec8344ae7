#pragma once

#include <glow/nn/glow.h>

#include "tools/common/compute.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

/// Sets the fields of `settings.model` that depend on the images. Throws ConfigError of the field when the model is
/// invalid, or when the model of --init-from does not fit the images.
void fit_model_to_images(TrainSettings& settings, const ImageSplits& images);

/// The model that training starts from. Throws IoError, FormatError (--init-from).
nn::Glow make_model(const TrainSettings& settings, const ImageSplits& images, const Compute& compute);

}  // namespace glow::tools
