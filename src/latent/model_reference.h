#pragma once

#include <string>

#include <glow/io/safetensors.h>

namespace glow::latent {

/// The metadata's key of the checksum of the model that a file belongs to.
inline constexpr const char* kModelKey = "glow.model";

/// Throws FormatError naming the file unless it belongs to the model with this checksum and is whole, as its own
/// checksum tells where it has one.
void check_model(const io::SafetensorsReader& file, const std::string& model_checksum);

}  // namespace glow::latent
