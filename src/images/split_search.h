#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <glow/images/source.h>

#include "images/encoded_images.h"
#include "images/left_out.h"
#include "images/search.h"
#include "images/splits.h"

namespace glow::images {

/// The images of a data set in a folder or an archive.
struct FoundSet {
  /// By split, sorted.
  std::map<std::string, EncodedImages> splits = {};
  /// The folders of the splits.
  SplitFolders folders = {};
  LeftOut left_out = {};
};

/// Finds the images and the splits of a data set (see `folder:` at open_data_set). Throws IoError, and FormatError also
/// for a split without images.
FoundSet find_splits(const std::filesystem::path& path, IsImageName is_image, const OpenOptions& options);

/// The first folder of a relative path, empty for a file without a folder.
std::string_view top_folder(std::string_view file);

}  // namespace glow::images
