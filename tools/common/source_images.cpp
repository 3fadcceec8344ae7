#include "tools/common/source_images.h"

#include <glow/error.h>

namespace glow::tools {

data::DataSet open_data_set(const std::string& field, const std::string& specification,
                            const data::OpenOptions& options) {
  try {
    return data::open_data_set(specification, options);
  } catch (const ConfigError& error) {
    const std::string message = error.what();
    throw ConfigError(message.starts_with("skip_corrupt: ") ? message : field + ": " + message);
  }
}

std::shared_ptr<const data::Images> fitted(const std::string& field, const std::string& name,
                                           const std::shared_ptr<const data::ImageSource>& source,
                                           const nn::GlowOptions& model, std::int64_t resize) {
  if (source->channels() != model.channels) {
    throw ConfigError(field + ": the images of " + name + " have " + std::to_string(source->channels()) +
                      (source->channels() == 1 ? " channel" : " channels") + ", the model's " +
                      std::to_string(model.channels));
  }
  const data::Geometry geometry{.height = static_cast<int>(model.height),
                                .width = static_cast<int>(model.width),
                                .resize = static_cast<int>(resize)};
  try {
    return std::make_shared<const data::Images>(source, geometry);
  } catch (const ConfigError& error) {
    // The size is the model's, for which there is no flag.
    const std::string message = error.what(), size = "image_size: ";
    throw ConfigError(message.starts_with(size) ? field + ": " + message.substr(size.size()) : message);
  }
}

}  // namespace glow::tools
