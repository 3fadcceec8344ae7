#pragma once

#include <glow/nn/glow.h>

#include "tools/common/compute.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

/// Completes `settings.model` by what the images decide. Throws ConfigError naming the flag when there can be no such
/// model, or when the model of --init-from is one of other images.
void fit_model_to_images(TrainSettings& settings, const ImageSplits& images);

/// The model that training starts from. Throws IoError, FormatError (--init-from).
nn::Glow make_model(const TrainSettings& settings, const ImageSplits& images, const Compute& compute);

}  // namespace glow::tools
