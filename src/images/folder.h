#pragma once

#include <filesystem>

#include <glow/images/source.h>

#include "images/search.h"

namespace glow::images {

/// The data set in a folder or an archive, with the files that `is_image` accepts as its images; see `folder:` at
/// open_data_set.
DataSet open_image_files(const std::filesystem::path& path, IsImageName is_image, const OpenOptions& options);

}  // namespace glow::images
