#pragma once

#include <filesystem>

#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// The model of a file, on the device and in the precision of `compute`. `info`: see nn::load_model. Throws IoError,
/// FormatError.
nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info = nullptr);

}  // namespace glow::tools
