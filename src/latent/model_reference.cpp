#include "latent/model_reference.h"

#include "io/errors.h"

namespace glow::latent {

void check_model(const io::SafetensorsReader& file, const std::string& model_checksum) {
  const auto& owner = file.metadata_value(kModelKey);
  if (owner != model_checksum) {
    throw FormatError(file.path(), "belongs to another model: " + std::string(kModelKey) + " is " +
                                       io::in_quotes(owner) + ", the model's checksum is \"" + model_checksum + "\"");
  }
  if (file.metadata().contains(io::kChecksumKey)) file.verify_checksum();
}

}  // namespace glow::latent
