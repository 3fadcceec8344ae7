#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// The model of a file, on the device and in the precision of `compute`. `info`: see nn::load_model. Throws IoError,
/// FormatError.
nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info = nullptr);

/// The index of a class of the model, given by name or index; -1 for an empty text. Throws ConfigError naming `class`
/// when the model does not have it.
std::int64_t find_class(const std::string& wanted, const nn::Glow& model);

}  // namespace glow::tools
