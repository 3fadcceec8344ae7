#pragma once

#include <filesystem>

#include <glow/nn/glow.h>

#include "tools/common/compute.h"

namespace glow::tools {

/// The model of a file, ready to compute as `compute` says. Throws IoError, FormatError.
nn::Glow open_model(const std::filesystem::path& path, const Compute& compute);

}  // namespace glow::tools
