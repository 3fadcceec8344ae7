#pragma once

#include <string>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "io/errors.h"

namespace glow::latent {

/// The metadata key of the checksum of the model that a file belongs to.
inline constexpr const char* kModelKey = "glow.model";

/// Throws FormatError naming the file unless it belongs to the model with this checksum and its own checksum, if it has
/// one, is right.
inline void check_model(const io::SafetensorsReader& file, const std::string& model_checksum) {
  const auto& owner = file.metadata_value(kModelKey);
  if (owner != model_checksum) {
    throw FormatError(file.path(), "belongs to another model: " + std::string(kModelKey) + " is " +
                                       io::in_quotes(owner) + ", the model's checksum is \"" + model_checksum + "\"");
  }
  if (file.metadata().contains(io::kChecksumKey)) file.verify_checksum();
}

}  // namespace glow::latent
