#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <glow/data/images.h>
#include <glow/data/source.h>
#include <glow/nn/options.h>

namespace glow::tools {

/// data::open_data_set, whose ConfigError names `field`, but for one that names `skip_corrupt`.
data::DataSet open_data_set(const std::string& field, const std::string& specification,
                            const data::OpenOptions& options = {});

/// Images of the model's size, of a source that messages call `name`: scaled to `resize` pixels at the shorter side (0:
/// as much as fits) and cropped. Throws ConfigError naming `field` when their channels are not the model's or they are
/// too small, and `resize` for one that does not fit.
std::shared_ptr<const data::Images> fitted(const std::string& field, const std::string& name,
                                           const std::shared_ptr<const data::ImageSource>& source,
                                           const nn::GlowOptions& model, std::int64_t resize = 0);

}  // namespace glow::tools
